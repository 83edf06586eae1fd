"""The way through a long list: each page begins before an id, and remembers where the pages before it began.

So "newer" leads to exactly the page that one came from, however much has come in meanwhile, and whatever was left out
in between.
"""

import re
from dataclasses import dataclass

from flask import request

MOST = 40  # pages that are remembered: an address has its limits
FIRST = "-"
_ID = re.compile(r"[a-z]{2,6}_[0-9a-z]{1,32}")


@dataclass(frozen=True, slots=True)
class Trail:
    """`before`: where this page begins; None: at the newest. `earlier`: the same of the pages before it, in order."""

    before: str | None
    earlier: tuple[str, ...]

    @classmethod
    def of_request(cls) -> "Trail":
        before = request.args.get("before", "")
        earlier = request.args.get("trail", "").split(".")
        known = tuple(one for one in earlier if one == FIRST or _ID.fullmatch(one))
        return cls(before if _ID.fullmatch(before) else None, known[-MOST:])

    def on(self, next_id: str) -> dict[str, str]:
        """The arguments of the next page."""
        return {"before": next_id, "trail": ".".join((*self.earlier, self.before or FIRST)[-MOST:])}

    def back(self) -> dict[str, str]:
        """The arguments of the page before; none of them: the newest."""
        last = self.earlier[-1] if self.earlier else FIRST
        return {} if last == FIRST else {"before": last, "trail": ".".join(self.earlier[:-1])}

    def arguments(self) -> dict[str, str]:
        """Those of this page."""
        return {"before": self.before, "trail": ".".join(self.earlier)} if self.before else {}
