"""Where the configuration came from, and who else can read it."""

from collections.abc import Iterator

from pydantic import SecretStr

from appliance.commands.check.finding import Finding, ok, warning
from appliance.config import browser_settings
from appliance.config.loader import Loaded
from appliance.config.settings import SECTIONS

SUBJECT = "configuration"


def check(loaded: Loaded) -> Iterator[Finding]:
    yield from _source(loaded)
    for name, meant in loaded.misspelt.items():
        text = f"nothing reads the environment variable {name}; did you mean {meant}?"
        yield warning(SUBJECT, text, "rename it, or unset it if it belongs to another program")


def _source(loaded: Loaded) -> Iterator[Finding]:
    if loaded.path is None or not loaded.path.is_file():
        named = sum(source != browser_settings.SOURCE for source in loaded.sources.values())
        yield ok(SUBJECT, f"no config.ini; {named} keys from the environment, defaults for the rest")
        return
    yield ok(SUBJECT, f"{loaded.path.resolve()}; {len(loaded.sources)} keys set, defaults for the rest")
    if loaded.path.stat().st_mode & 0o044 and _secrets_in_file(loaded):
        yield warning(
            SUBJECT,
            f"every user of this machine can read {' and '.join(_secrets_in_file(loaded))} in {loaded.path}",
            f"chmod 600 {loaded.path}",
        )


def _secrets_in_file(loaded: Loaded) -> list[str]:
    """Secrets that config.ini holds; a URL counts only with a password in it."""
    found = []
    for section, section_class in SECTIONS.items():
        for key, field in section_class.model_fields.items():
            source = loaded.sources.get(f"{section}.{key}", "")
            if field.annotation is SecretStr and loaded.path and source.startswith(loaded.path.name):
                value = getattr(getattr(loaded.settings, section), key).get_secret_value()
                if value and ("://" not in value or "@" in value):
                    found.append(f"[{section}] {key}")
    return found
