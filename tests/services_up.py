"""Which servers answer on this machine. Tests that need one are skipped, with the reason, where it does not."""

import socket

import pytest


def postgres_up() -> bool:
    return _listening(5432)


def rabbitmq_up() -> bool:
    return _listening(5672)


def redis_up() -> bool:
    return _listening(6379)


def _listening(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


needs_postgres = pytest.mark.skipif(not postgres_up(), reason="PostgreSQL does not listen on 127.0.0.1:5432")
needs_rabbitmq = pytest.mark.skipif(not rabbitmq_up(), reason="RabbitMQ does not listen on 127.0.0.1:5672")
needs_redis = pytest.mark.skipif(not redis_up(), reason="Redis does not listen on 127.0.0.1:6379")
