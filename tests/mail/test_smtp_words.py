"""Whatever the transport says of a failure is kept in English, known again, and said in another language."""

from collections.abc import Callable

import pytest

from appliance.mail.smtp import SmtpTransport
from appliance.mail.smtp_words import NOTES, SMTP
from appliance.mail.transport import TransportError
from tests.kept import walked
from tests.mail.conftest import envelope
from tests.mail.faults import FAULTS, Script
from tests.marked import marked
from tests.smtp_sink import SmtpSink


def test_every_sentence_is_known_again_and_none_is_taken_for_another() -> None:
    assert walked(SMTP) == []
    assert walked(NOTES) == []


@pytest.mark.parametrize(
    ("script", "kind"), [pytest.param(script, kind, id=name) for name, script, kind, _, _ in FAULTS]
)
def test_what_a_server_does_wrong_is_said_in_another_language(
    sink: SmtpSink, transport_to: Callable[..., SmtpTransport], script: Script, kind: type[TransportError]
) -> None:
    script(sink)
    with pytest.raises(kind) as raised:
        transport_to(sink).send(envelope())

    with marked():
        assert SMTP.said(str(raised.value)).startswith("«127.0.0.1 ")


def test_the_dialogue_notes_events_that_are_known_again(
    sink: SmtpSink, transport_to: Callable[..., SmtpTransport]
) -> None:
    dialogue: list[str] = []
    sink.drop("MAIL")
    with pytest.raises(TransportError):
        transport_to(sink).send(envelope(), dialogue)

    events = [line.removeprefix("-- ") for line in dialogue if line.startswith("-- ")]
    assert len(events) == 2
    assert all(NOTES.recognised(event) for event in events)
