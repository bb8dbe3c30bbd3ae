"""Points in the past: what is one, and that each has one text."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.as_of import AsOf
from branch_toolkit.core.errors import InvalidAsOf
from branch_toolkit_tests.strategies import DAY, NOW, quick

QUERY = "01a9b094-0102-2f97-0001-01e200d7576e"
TOKYO = timezone(timedelta(hours=9))

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENT = timedelta(milliseconds=1)
spans = st.integers(-(10**12), 10**12)
points = st.one_of(
    st.builds(lambda ms, zone: AsOf(time=(NOW + ms * MOMENT).astimezone(zone)), spans, zones),
    st.uuids().map(lambda found: AsOf(before=str(found))),
)


@quick
@given(points)
def test_a_point_is_read_as_it_was_written(point: AsOf) -> None:
    assert AsOf.parse(str(point)) == point
    assert str(AsOf.parse(str(point))) == str(point)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T12:00:00+00:00",
        " 2026-11-22T12:00:00Z ",
        "2026-11-22 12:00+00:00",
        "2026-11-22T21:00:00+09:00",
    ],
)
def test_the_same_point_has_the_same_text_however_it_was_given(text: str) -> None:
    assert str(AsOf.parse(text)) == "2026-11-22T12:00:00+00:00"


@pytest.mark.parametrize("text", [f"before:{QUERY}", f" Before: {QUERY.upper()} "])
def test_the_same_statement_has_the_same_text_however_it_was_given(text: str) -> None:
    assert AsOf.parse(text).before == QUERY
    assert str(AsOf.parse(text)) == f"before:{QUERY}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "yesterday",
        "2026-11-22",
        "2026-11-22T12:00:00",
        "2026-13-22T12:00:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "1700000000",
        "before:",
        "before:it",
        QUERY,
        f"after:{QUERY}",
        f"before:{QUERY}x",
        f"before:{QUERY}\n', 1",
        "before:01a9b0940102-2f97-0001-01e200d7576e00",
        "before:2026-11-22T12:00:00+00:00",
        "\ud800",
    ],
)
def test_what_is_no_point_is_refused_and_both_forms_are_shown(text: str) -> None:
    with pytest.raises(InvalidAsOf) as caught:
        AsOf.parse(text)
    assert "2026-11-22T12:00:00+00:00" in caught.value.remedy
    assert f"before:{QUERY}" in caught.value.remedy


@quick
@given(st.text(max_size=60))
def test_any_text_is_a_point_or_refused_with_our_own_error(text: str) -> None:
    try:
        found = AsOf.parse(text)
    except InvalidAsOf:
        return
    assert AsOf.parse(str(found)) == found


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"time": NOW, "before": QUERY},
        {"time": NOW.replace(tzinfo=None)},
        {"before": "'; DROP SCHEMA"},
        {"before": QUERY.upper()},
    ],
    ids=str,
)
def test_what_is_neither_or_both_cannot_be_made(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"give either|no zone|no query id"):
        AsOf(**given)


def test_the_future_is_refused_and_now_is_not() -> None:
    AsOf(time=NOW).require_past(now=NOW)
    AsOf(time=NOW - DAY).require_past(now=NOW.astimezone(TOKYO))
    AsOf(before=QUERY).require_past(now=NOW)
    with pytest.raises(InvalidAsOf, match="is in the future: it is 2026-11-22T12:00:00"):
        AsOf(time=NOW + MOMENT).require_past(now=NOW.astimezone(TOKYO))
