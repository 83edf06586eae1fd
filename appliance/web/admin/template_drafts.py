"""The HTML of previews that are not saved, kept for the moment in which a frame asks for it."""

import secrets
from collections import OrderedDict

LARGEST = 8_000_000  # characters, all of them together


class Drafts:
    """In memory and bounded: the oldest goes when there is too much. Whoever was given a token can see its HTML."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._kept: OrderedDict[str, str] = OrderedDict()

    def keep(self, html: str) -> str:
        """Returns its token."""
        token = secrets.token_urlsafe(12)
        self._kept[token] = html
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._largest:
            self._kept.popitem(last=False)
        return token

    def html(self, token: str) -> str | None:
        return self._kept.get(token)
