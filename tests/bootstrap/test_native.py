"""Native threads: the event loop goes on, and an error is the caller's alone."""

import threading

import pytest
from gevent import monkey

from appliance.bootstrap.native import NativeThreads
from tests.waiting import wait_until

wait_natively = monkey.get_original("threading", "Event")


def test_the_loop_goes_on_while_work_is_done() -> None:
    gate, done = wait_natively(), []
    worker = threading.Thread(target=lambda: done.append(NativeThreads(1).apply(lambda: gate.wait(10))))

    worker.start()
    wait_until(worker.is_alive)
    gate.set()
    worker.join()

    assert done == [True]


def test_an_error_reaches_the_caller_and_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("a mistake of the client")

    with pytest.raises(ValueError, match="a mistake of the client"):
        NativeThreads(1).apply(fail)

    assert capfd.readouterr().err == ""
