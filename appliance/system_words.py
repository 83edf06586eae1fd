"""Why a connection could not be made, as the operating system and the TLS library say it, as far as it is common."""

from appliance.sentences import Sentences, kept

REASONS = Sentences(
    kept("Connection refused"),
    kept("Connection reset by peer"),
    kept("Connection timed out"),
    kept("No route to host"),
    kept("Network is unreachable"),
    kept("Name or service not known"),
    kept("No address associated with hostname"),
    kept("Temporary failure in name resolution"),
    kept("there is no address for this name"),
    kept("self-signed certificate"),
    kept("self-signed certificate in certificate chain"),
    kept("certificate has expired"),
    kept("certificate is not yet valid"),
    kept("unable to get local issuer certificate"),
    kept("Hostname mismatch, certificate is not valid for %(name)s"),
    kept("IP address mismatch, certificate is not valid for %(name)s"),
    kept("wrong version number"),
    kept("unsupported protocol"),
    kept("tlsv1 alert protocol version"),
    any_other=True,
)
