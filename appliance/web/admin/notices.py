"""What a page says once about what was just done. The words stand in templates/notices.html."""

from typing import Any

from flask import flash


def notice(key: str, **facts: Any) -> None:
    flash({"key": key, **facts})  # type: ignore[arg-type]  # a session keeps any JSON
