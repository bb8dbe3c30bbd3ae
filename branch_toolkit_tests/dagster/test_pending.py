"""The sensors' cursor: whatever it holds, a sensor neither stops for ever nor asks without end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from branch_toolkit.pending import Pending, decode_pending, encode_pending

NOW = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def written(*fields: object, key: str = "retire/pr_1", version: object = 1) -> str:
    return json.dumps({"version": version, "pending": {key: fields}})


def test_what_was_written_is_read_again() -> None:
    pending = {
        "retire/pr_1": Pending(since=NOW),
        "drop/pr_2": Pending(since=NOW).attempted(NOW).attempted(NOW + HOUR),
    }
    assert decode_pending(encode_pending(pending)) == pending


def test_nothing_pending_is_a_cursor_too() -> None:
    assert decode_pending(encode_pending({})) == {}


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        "",
        "no json",
        "null",
        "1",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 1, "pending": null}',
        '{"version": 1, "pending": []}',
        '{"version": 1, "pending": {"retire/pr_1": null}}',
        '{"version": 1, "pending": {"retire/pr_1": ["yesterday", 1, null]}}',
        '{"version": 1, "pending": {"retire/pr_1": [1, 2]}}',
        written(NOW.isoformat(), "many", None),
        written(NOW.isoformat(), 1, None, version=0),
        written(NOW.isoformat(), 1, None, version=2),
        written(NOW.isoformat(), 1, None, version="1"),
        "2026-11-01T12:00:00+00:00",
    ],
)
def test_a_cursor_that_cannot_be_read_counts_as_none(cursor: str | None) -> None:
    assert decode_pending(cursor) == {}


# A tick that fails keeps its cursor, so it would fail for ever.
@pytest.mark.parametrize("naive", [0, 2])
def test_a_time_without_a_zone_cannot_stop_the_sensor_for_ever(naive: int) -> None:
    fields = [NOW.isoformat(), 1, NOW.isoformat()]
    fields[naive] = "2026-11-01T12:00:00"
    for item in decode_pending(written(*fields)).values():
        item.wait(NOW)


def test_a_clock_that_was_wrong_once_delays_by_no_more_than_the_longest_delay() -> None:
    wrong = Pending(since=NOW + 9000 * HOUR).attempted(NOW + 9000 * HOUR)
    item = decode_pending(encode_pending({"retire/pr_1": wrong}))["retire/pr_1"]
    assert item.wait(NOW + 2 * HOUR) is None


def test_the_delay_doubles_up_to_an_hour() -> None:
    item, now, delays = Pending(since=NOW), NOW, []
    for _ in range(40):
        item = item.attempted(now)
        assert item.not_before is not None
        delays.append((item.not_before - now).total_seconds())
        now = item.not_before
    assert delays[:4] == [30, 60, 120, 240]
    assert delays == sorted(delays)
    assert delays[-1] == 3600


def test_nothing_is_asked_for_before_the_delay_is_over_and_something_is_at_once_after() -> None:
    item = Pending(since=NOW).attempted(NOW)
    assert item.not_before is not None
    assert item.wait(item.not_before - timedelta(microseconds=1))
    assert item.wait(item.not_before) is None


def test_the_reason_to_wait_says_how_often_and_until_when() -> None:
    reason = Pending(since=NOW).attempted(NOW).attempted(NOW).wait(NOW)
    assert reason == "asked for 2 time(s), again after 12:01:00 UTC"


def test_every_attempt_and_every_occasion_has_a_run_key_of_its_own() -> None:
    keys = set()
    for occasion in range(20):
        item = Pending(since=NOW + timedelta(microseconds=occasion))
        for _ in range(20):
            item = item.attempted(NOW)
            keys.add(item.run_key("retire/pr_1"))
    assert len(keys) == 400


def test_the_run_key_of_an_attempt_is_the_same_after_a_trip_through_the_cursor() -> None:
    item = Pending(since=NOW).attempted(NOW)
    again = decode_pending(encode_pending({"retire/pr_1": item}))["retire/pr_1"]
    assert again.attempted(NOW).run_key("k") == item.attempted(NOW).run_key("k")


def test_a_cursor_of_ten_thousand_is_read_again_whole() -> None:
    item = Pending(since=NOW).attempted(NOW)
    cursor = encode_pending({f"provision/pr_{number}": item for number in range(10_000)})
    assert len(decode_pending(cursor)) == 10_000
