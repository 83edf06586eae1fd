import pytest

from appliance.errors import InvalidInput
from appliance.services.webhook_form import EndpointForm, UrlRules, check
from appliance.webhooks.network import NetworkPolicy

STRICT = UrlRules(NetworkPolicy(), allow_http=False)
EASY = UrlRules(NetworkPolicy(allow_private=True), allow_http=True)


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://example.com/hooks", "https://example.com/hooks"),
        (" https://Example.COM ", "https://example.com/"),
        ("https://example.com:8443/a?b=c", "https://example.com:8443/a?b=c"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://93.184.216.34/", "https://93.184.216.34/"),
        ("https://[2606:4700:4700::1111]:8443/", "https://[2606:4700:4700::1111]:8443/"),
        ("https://example.com/a#fragment", "https://example.com/a"),
    ],
)
def test_url_is_stored_in_its_plain_form(url: str, stored: str) -> None:
    assert check(EndpointForm(url), STRICT).url == stored


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "https://"),
        ("example.com", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("http://example.com/", "allow_http"),
        ("https:///path", "host"),
        ("https://user:secret@example.com/", "user and password"),
        ("https://exa mple.com/", "spaces"),
        ("https://example.com/\r\nX-Evil: 1", "spaces"),
        ("https://example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://exa_mple.com\\@evil.example/", ""),
        ("https://example.com/ü", "ASCII"),
        ("https://localhost/", "not a public address"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://example.com/" + "a" * 2000, "at most"),
    ],
)
def test_url_that_is_no_good_is_refused_with_the_remedy(url: str, remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(EndpointForm(url), STRICT)

    [error] = caught.value.errors
    assert error.field == "url"
    assert remedy in error.message


@pytest.mark.parametrize(
    ("url", "remedies"),
    [
        ("http://10.1.2.3:8080/hooks", ["allow_http", "allow_networks"]),
        ("http://localhost:8080/", ["allow_http", "allow_networks"]),
        ("http://bob:secret@[fd00::1]/ü", ["allow_http", "user and password", "ASCII", "allow_networks"]),
        ("https://bob@192.168.0.1/", ["user and password", "allow_networks"]),
        ("http:///hooks", ["allow_http", "with a host"]),
        ("http://10.1.2.3/a b", ["without spaces", "allow_http", "allow_networks"]),
        ("file:///etc/passwd", ["starts with https://"]),  # of what is no web address there is no more to say
        ("https://exa mple.com/", ["without spaces"]),
    ],
)
def test_all_that_is_wrong_with_a_url_is_named_at_once(url: str, remedies: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(EndpointForm(url), STRICT)

    errors = caught.value.errors
    assert [error.field for error in errors] == ["url"] * len(remedies)
    for error, remedy in zip(errors, remedies, strict=True):
        assert remedy in error.message


def test_what_the_configuration_allows_is_taken() -> None:
    for url in ("http://127.0.0.1:8000/", "http://localhost/", "http://[::1]/"):
        assert check(EndpointForm(url), EASY).url == url


def test_events_are_stored_once_and_without_what_another_contains() -> None:
    events = ["message.sent", "account.broken", "message.*", "account.broken"]

    assert check(EndpointForm("https://example.com/", events=events), STRICT).events == ["message.*", "account.broken"]
    assert check(EndpointForm("https://example.com/", events=["message.sent", "*"]), STRICT).events == ["*"]


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(EndpointForm("no", "x" * 201, ["message.sent", "message.read"]), STRICT)

    assert [error.field for error in caught.value.errors] == ["url", "description", "events[1]"]


def test_no_event_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(EndpointForm("https://example.com/", events=[]), STRICT)

    assert [(error.field, error.code) for error in caught.value.errors] == [("events", "required")]
