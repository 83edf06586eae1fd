"""What a person types into the form of a message, read."""

import pytest

from appliance.services.intake import Address
from appliance.web.admin import compose_parts

ANN, SMITH = Address("ann@example.com"), Address("smith@example.com", "Smith, Ann")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ()),
        (" ,;\n", ()),
        ("ann@example.com", (ANN,)),
        ('"Smith, Ann" <smith@example.com>; ann@example.com', (SMITH, ANN)),
        ("ann@example.com\r\n, smith@example.com", (ANN, Address("smith@example.com"))),
    ],
)
def test_addresses_stand_apart_by_commas_semicolons_or_lines(text: str, read: tuple[Address, ...]) -> None:
    assert compose_parts.addresses(text) == read


@pytest.mark.parametrize("text", ['"Smith, Ann <smith@example.com>', '"', 'ann@example.com, "'])
def test_a_quote_without_an_end_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        compose_parts.addresses(text)


@pytest.mark.parametrize("piece", [",", '"",', '" ",;\n'])
def test_reading_takes_no_longer_for_each_of_many(piece: str) -> None:
    """Looking ahead to the end from each comma, a form of a megabyte would stop the whole box for hours."""
    assert compose_parts.addresses("," * 1_000_000 + "ann@example.com") == (ANN,)
    with pytest.raises(ValueError, match="is no address"):
        compose_parts.addresses(piece * 100_000 + '"')
