import pytest

from appliance.mail.template_budget import ASIDE, Budget, TooMuchWork, size_of, text_of


def test_budget_is_spent_to_the_last_unit_and_no_further() -> None:
    budget = Budget(100)
    budget.spend(100)

    with pytest.raises(TooMuchWork):
        budget.spend(1)


def test_small_steps_count_as_much_as_large_ones() -> None:
    budget = Budget(ASIDE * 2)
    for _ in range(ASIDE * 2):
        budget.spend(1)

    with pytest.raises(TooMuchWork):
        budget.spend(1)


def test_requiring_spends_nothing() -> None:
    budget = Budget(10)

    budget.require(10)
    budget.require(10)
    with pytest.raises(TooMuchWork):
        budget.require(11)


def test_size_grows_with_the_value() -> None:
    assert size_of("x" * 1600) == 101
    assert size_of([0] * 100) == 101
    assert size_of(7) == 1


def test_values_read_as_people_write_them() -> None:
    assert [text_of(value) for value in ("a", None, True, 1, 1.5)] == ["a", "", "true", "1", "1.5"]
    with pytest.raises(TypeError, match="a list cannot be printed"):
        text_of([1])
