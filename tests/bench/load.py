"""Clients that post over kept connections, as cheaply as Python can, so that the server is what is measured."""

import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What the clients saw: seconds for all, and of each post its latency in seconds; `refused` counts all but 202."""

    seconds: float
    latencies: Sequence[float]
    refused: int

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def message(number: int, size: int = 4096) -> bytes:
    text = f"Message {number}\n" + ("All work and no play makes a dull benchmark.\n" * (size // 45 + 1))
    body = {"to": [f"r{number}@example.com"], "subject": f"Load {number}", "text": text[:size]}
    return json.dumps(body).encode()


def batch(numbers: Sequence[int], size: int = 4096) -> bytes:
    return b'{"messages": [' + b", ".join(message(number, size) for number in numbers) + b"]}"


def post(port: int, key: str, bodies: Sequence[bytes], clients: int, path: str = "/api/v1/messages") -> Load:
    latencies: list[float] = []
    refused = [0]
    shares = [bodies[index::clients] for index in range(clients)]
    threads = [threading.Thread(target=_client, args=(port, key, path, share, latencies, refused)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(time.perf_counter() - began, latencies, refused[0])


def _client(
    port: int, key: str, path: str, bodies: Sequence[bytes], latencies: list[float], refused: list[int]
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    head += "Content-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for body in bodies:
            request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            began = time.perf_counter()
            connection.sendall(request)
            status = _answer(connection)
            latencies.append(time.perf_counter() - began)
            if status != 202:
                refused[0] += 1


def _answer(connection: socket.socket) -> int:
    """Reads one answer to its end; returns its status."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _more(connection)
    return int(head.split(b" ", 2)[1])


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(65536)
    if not chunk:
        raise ConnectionError("the server closed the connection")
    return chunk


def get(port: int, key: str, paths: Sequence[str]) -> Load:
    """One after the other over one connection. `refused` counts all but 200."""
    latencies, refused = [], 0
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for path in paths:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
            asked = time.perf_counter()
            connection.sendall(request)
            status = _answer(connection)
            latencies.append(time.perf_counter() - asked)
            refused += status != 200
    return Load(time.perf_counter() - began, latencies, refused)
