"""A certificate for localhost that lives as long as the test process, and the contexts that serve and trust it."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@cache
def server_context() -> ssl.SSLContext:
    return _context_of(*_self_signed())


@cache
def issued_context(host: str, *, expired: bool = False) -> ssl.SSLContext:
    """A server's, whose certificate the one of `public_certificate` issued for `host`."""
    authority, authority_key = _self_signed()
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"server {host}")]),
            issuer_name=x509.load_pem_x509_certificate(authority.encode()).subject,
            public_key=key.public_key(),
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=-1 if expired else 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(serialization.load_pem_private_key(authority_key.encode(), None), hashes.SHA256())  # type: ignore[arg-type]
    )
    return _context_of(certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))


def public_certificate() -> str:
    """PEM, good for localhost and 127.0.0.1; it is its own authority."""
    return _self_signed()[0]


@cache
def _self_signed() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode()


def _context_of(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as directory:  # ssl reads a private key from nowhere but a file
        path = Path(directory) / "server.pem"
        path.write_text(certificate + key)
        context.load_cert_chain(path)
    return context
