"""How many tags have figures of their own: clients make them up, and no table may grow by what clients make up."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from appliance.db.models.rollup import OTHER, Unit
from appliance.db.queries import statistics

MOST: dict[Unit, int] = {Unit.DAY: 200, Unit.MONTH: 500}
"""Tags of one scope that have rollups of their own; further ones of that day, or of that month, share `OTHER`."""

Place = tuple[str, str]  # period, scope


class TagLimits:
    """Decides for one batch of events, after what the database knows: who was there first keeps its own figures."""

    def __init__(self, session: Session, tags: Iterable[tuple[str, str, str]]) -> None:
        """`tags`: all of the batch, each with its day and its scope."""
        wanted: dict[Unit, dict[Place, set[str]]] = {unit: defaultdict(set) for unit in MOST}
        for day, scope, tag in tags:
            wanted[Unit.DAY][day, scope].add(tag)
            wanted[Unit.MONTH][day[:7], scope].add(tag)
        self._admitted = {unit: _admit(session, unit, places) for unit, places in wanted.items() if places}

    def values(self, unit: Unit, day: str, scope: str, tags: Sequence[str]) -> set[str]:
        """What `tags` count as. An hour follows its day."""
        if not tags:
            return set()
        place = (day[:7] if unit is Unit.MONTH else day, scope)
        admitted = self._admitted[Unit.MONTH if unit is Unit.MONTH else Unit.DAY][place]
        return {tag if tag in admitted else OTHER for tag in tags}


def _admit(session: Session, unit: Unit, wanted: dict[Place, set[str]]) -> dict[Place, set[str]]:
    counted = statistics.tag_counts(session, unit, wanted)
    known = statistics.known_tags(session, unit, wanted, set().union(*wanted.values()))
    admitted = {}
    for place, tags in wanted.items():
        kept = tags & known.get(place, set())
        room = max(0, MOST[unit] - counted.get(place, 0))
        admitted[place] = kept | set(sorted(tags - kept)[:room])
    return admitted
