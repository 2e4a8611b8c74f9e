from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.birth import AgeUnit, BadBirthDate, BirthDate, Precision

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("typed", "precision", "shown"),
    [
        ("1958", Precision.YEAR, "1958"),
        ("3/1958", Precision.MONTH, "03/1958"),
        ("1958-03", Precision.MONTH, "03/1958"),
        ("12/3/1958", Precision.DAY, "12/03/1958"),
        (" 12031958 ", Precision.DAY, "12/03/1958"),
        ("1958-03-12", Precision.DAY, "12/03/1958"),
        ("29/02/2024", Precision.DAY, "29/02/2024"),
    ],
)
def test_a_birth_date_is_kept_as_precisely_as_it_is_known(
    typed: str, precision: Precision, shown: str
) -> None:
    birth = BirthDate.parse(typed, TODAY)
    assert (birth.precision, str(birth)) == (precision, shown)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "58",
        "31/02/2000",
        "29/02/2023",
        "13/2000",
        "0000",
        "23/11/2026",
        "2027",
        "1895",
        "12/03/1958x",
        "١٩٥٨",
    ],
)
def test_what_is_no_birth_date_is_refused(typed: str) -> None:
    with pytest.raises(BadBirthDate):
        BirthDate.parse(typed, TODAY)


@pytest.mark.parametrize(
    ("typed", "age"),
    [
        ("22/11/2026", "0 ngày tuổi"),
        ("23/10/2026", "30 ngày tuổi"),
        ("22/10/2026", "1 tháng tuổi"),
        ("23/11/2023", "35 tháng tuổi"),
        ("22/11/2023", "3 tuổi"),
        ("23/11/1959", "66 tuổi"),
        ("22/11/1959", "67 tuổi"),
        ("12/2023", "35 tháng tuổi"),
        ("11/2026", "0 tháng tuổi"),
        ("1959", "67 tuổi"),
        ("2026", "0 tuổi"),
    ],
)
def test_an_age_is_told_in_days_then_months_then_years(typed: str, age: str) -> None:
    assert str(BirthDate.parse(typed, TODAY).age(TODAY)) == age


def test_who_was_born_on_the_31st_is_a_month_old_at_the_end_of_a_short_month() -> None:
    age = BirthDate.parse("31/01/2026", TODAY).age(date(2026, 2, 28))
    assert (age.count, age.unit) == (1, AgeUnit.MONTHS)


@settings(deadline=None)
@given(st.dates(date(1900, 1, 1), TODAY), st.integers(0, 4000))
def test_nobody_grows_younger(born: date, days: int) -> None:
    order = [AgeUnit.DAYS, AgeUnit.MONTHS, AgeUnit.YEARS]
    birth = BirthDate(born, Precision.DAY)
    now, next_day = (birth.age(born + timedelta(days=days + more)) for more in (0, 1))
    assert (order.index(now.unit), now.count) <= (order.index(next_day.unit), next_day.count)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1958", "12/03/1958", True),
        ("03/1958", "12/03/1958", True),
        ("04/1958", "12/03/1958", False),
        ("13/03/1958", "12/03/1958", False),
        ("1959", "12/03/1958", False),
    ],
)
def test_two_dates_are_compared_as_far_as_both_are_known(one: str, other: str, same: bool) -> None:
    assert BirthDate.parse(one, TODAY).may_equal(BirthDate.parse(other, TODAY)) is same
    assert BirthDate.parse(other, TODAY).may_equal(BirthDate.parse(one, TODAY)) is same
