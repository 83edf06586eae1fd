import pytest

from appliance.config import cron


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0 0 * * *", "0 0 * * *"),
        ("  */5   1-4/2 1,15 jan-mar  * ", "*/5 1-4/2 1,15 jan-mar *"),
        ("0 3 * * 0", "0 3 * * sun"),
        ("0 3 * * 7", "0 3 * * sun"),
        ("0 3 * * 1-5", "0 3 * * mon,tue,wed,thu,fri"),
        ("0 3 * * 5-7", "0 3 * * sun,fri,sat"),
        ("0 3 * * SAT", "0 3 * * sat"),
        ("0 3 * * */2", "0 3 * * sun,tue,thu,sat"),
        ("0 0 29 feb *", "0 0 29 feb *"),
    ],
)
def test_expression_is_kept_and_its_weekdays_become_names(given: str, expected: str) -> None:
    assert cron.normalized(given) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "five fields, this one has 0"),
        ("* * * *", "five fields, this one has 4"),
        ("* * * * * *", "five fields, this one has 6"),
        ("60 * * * *", "minute '60' is not one of 0 to 59"),
        ("* 24 * * *", "hour '24'"),
        ("* * 0 * *", "day of month '0'"),
        ("* * * 13 *", "month '13'"),
        ("* * * * 8", "day of week '8'"),
        ("* * * * someday", "day of week 'someday'"),
        ("5-1 * * * *", "empty range"),
        ("*/0 * * * *", "empty range"),
        ("5/10 * * * *", "a step without a range"),
        ("1, * * * *", "minute '' is not"),
        ("- * * * *", "minute '-' is not"),
        ("１ * * * *", "minute '１' is not"),
        ("0 0 30 2 *", "no month that it names has such a day"),
        ("0 0 31 4,6 *", "no month that it names has such a day"),
    ],
)
def test_mistake_is_named(expression: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        cron.normalized(expression)

    assert reason in str(refused.value)
