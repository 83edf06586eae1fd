"""What a browser calls itself, in words that its owner knows it by."""

BROWSERS = (
    ("Edg", "Edge"),  # before what it says that it resembles
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chromium", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def described(user_agent: str) -> str:
    """Such as `Firefox, Windows`; empty where it says nothing that is known."""
    return ", ".join(word for word in (_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)) if word)


def _first(known: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in known if mark in user_agent), "")
