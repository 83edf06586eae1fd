import csv

from appliance.db.models.rollup import COUNTERS, TIMES, column_of
from appliance.db.queries.report import Report, Row
from appliance.db.queries.statistics import NOTHING, Figures
from appliance.services import figures_csv
from tests.fakes import NOON


def figures(seconds: float | None = None, **counts: int) -> Figures:
    times = tuple(int(seconds is not None and name == column_of(seconds)) for name in TIMES)
    return Figures(tuple(counts.get(name, 0) for name in COUNTERS), times)


def read(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(figures_csv.lines(report)))


def test_each_row_has_its_counts_its_rate_and_its_times() -> None:
    (row,) = read(Report(NOTHING, [Row(figures(seconds=1.0, accepted=4, sent=3, failed=1), start=NOON)]))

    assert row["start"] == "2026-03-10T12:00:00Z"
    assert (row["accepted"], row["sent"], row["failed"], row["held"]) == ("4", "3", "1", "0")
    assert row["success_rate"] == "0.75"
    assert 0.7 < float(row["seconds_p50"]) < 1.3


def test_what_is_not_known_is_left_empty() -> None:
    (row,) = read(Report(NOTHING, [Row(figures())]))

    assert (row["start"], row["group"], row["success_rate"], row["seconds_p95"]) == ("", "", "", "")


def test_a_name_that_a_spreadsheet_would_run_becomes_text() -> None:
    label = '=HYPERLINK("http://evil.example","x")'

    (row,) = read(Report(NOTHING, [Row(figures(), value="@tag", label=label)]))

    assert (row["group"], row["label"]) == ("'@tag", f"'{label}")


def test_states_are_counted_in_a_row_each() -> None:
    rows = list(csv.DictReader(figures_csv.status_lines(Report(figures(sent=7, deferred=2), []))))

    assert {row["status"]: row["count"] for row in rows}["sent"] == "7"
    assert [row["status"] for row in rows] == list(COUNTERS)
