"""Marks: the proof of ownership. What is not exactly what we wrote proves nothing."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_toolkit.core.cause import Cause
from branch_toolkit.core.errors import InvalidMark
from branch_toolkit.core.mark import (
    BUILDING,
    CONDITIONS,
    FORMAT,
    Mark,
    _checksum,
    decode,
    encode,
    is_mark,
)
from branch_toolkit_tests.strategies import DAY, NOW, make_mark, marks, quick, thorough


def sealed(**changes: object) -> str:
    """A comment whose checksum agrees, whatever it says: the work of a bug, not of an editor."""
    content = json.loads(encode(make_mark()))
    del content["checksum"]
    content.update(changes)
    content = {name: value for name, value in content.items() if value is not ...}
    return json.dumps({**content, "checksum": _checksum(content)})


# --- round trip ---------------------------------------------------------------------------------


@thorough
@given(marks())
def test_a_mark_is_read_as_it_was_written(mark):
    assert decode(encode(mark)) == mark


@quick
@given(marks())
def test_a_mark_written_again_is_the_same_text(mark):
    assert encode(decode(encode(mark))) == encode(mark)


@quick
@given(marks())
def test_a_mark_is_one_line_of_json_that_any_role_can_read_and_postgres_can_store(mark):
    text = encode(mark)
    assert is_mark(text)
    assert "\n" not in text
    assert "\0" not in text
    content = json.loads(text)
    assert content["branch_toolkit"] == FORMAT
    assert content["base_schema"] == mark.base_schema


def test_every_field_reaches_the_comment():
    content = json.loads(encode(make_mark().retire(now=NOW, because="merged", grace=DAY)))
    assert set(content) == {field.name for field in fields(Mark)} | {"branch_toolkit", "checksum"}


def test_two_marks_that_differ_in_any_field_differ_in_their_text():
    mark = make_mark().retire(now=NOW, because="merged", grace=DAY)
    texts = {encode(mark)}
    for field in fields(Mark):
        value = getattr(mark, field.name)
        other = value + DAY if isinstance(value, datetime) else 7
        other = f"{value}x" if isinstance(value, str) else other
        other = NOW + 9 * DAY if field.name in ("restored_at", "keep_until") else other
        other = BUILDING if field.name == "condition" else other
        texts.add(encode(replace(mark, **{field.name: other})))
    assert len(texts) == 1 + len(fields(Mark))


def test_the_time_zone_survives_as_an_offset():
    tokyo = timezone(timedelta(hours=9))
    mark = make_mark(created_at=NOW.astimezone(tokyo))
    assert decode(encode(mark)).created_at.utcoffset() == timedelta(hours=9)


def test_a_mark_can_be_sent_to_the_database_whatever_bytes_a_branch_name_was_made_of():
    # Where the locale is not UTF-8, `os.environ` gives undecodable bytes as lone surrogates.
    mark = make_mark(branch="caf\udce9")
    assert decode(encode(mark).encode().decode()) == mark


@pytest.mark.parametrize(
    "field",
    ["created_at", "last_used_at", "restored_at", "keep_until", "retired_at", "drop_after"],
)
def test_a_mark_with_a_naive_time_is_never_written_as_nobody_could_read_it(field):
    # The clone would be refused from its first day, and be nobody's.
    with pytest.raises((InvalidMark, ValueError)):
        encode(make_mark(**{field: NOW.replace(tzinfo=None)}))


# --- edits --------------------------------------------------------------------------------------


@thorough
@given(marks(), st.data())
def test_any_edit_of_one_character_is_refused_or_changes_nothing(mark, data):
    text = encode(mark)
    at = data.draw(st.integers(0, len(text) - 1), label="at")
    letter = data.draw(
        st.sampled_from('0123456789abcdef"\\{}[],: \t-+.eEtT_n') | st.characters(), label="letter"
    )
    kept = data.draw(st.sampled_from([at, at + 1]), label="insert or replace")
    edited = data.draw(
        st.sampled_from([text[:at] + letter + text[kept:], text[:at] + text[at + 1 :]])
    )
    try:
        found = decode(edited)
    except InvalidMark:
        return
    assert found == mark


def test_every_deletion_and_doubling_of_a_character_of_one_mark_is_refused_or_changes_nothing():
    mark = make_mark(branch="feature/login").retire(now=NOW, because="merged", grace=DAY)
    text, refused = encode(mark), 0
    for at in range(len(text)):
        for edited in (text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:]):
            try:
                assert decode(edited) == mark
            except InvalidMark:
                refused += 1
    assert refused > 1.8 * len(text)  # only white space may come and go


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", "other"),
        ("clone", "analytics"),
        ("base_schema", "staging"),
        ("database", "elsewhere"),
        ("pull_request", 43),
        ("pull_request", "42"),
        ("drop_after", "2020-01-01T00:00:00+00:00"),
        ("retired_at", None),
        ("branch_toolkit", True),
        ("branch_toolkit", 1.0),
    ],
)
def test_a_field_edited_by_hand_is_found_by_the_checksum(field, value):
    mark = make_mark().retire(now=NOW, because="merged", grace=DAY)
    content = {**json.loads(encode(mark)), field: value}
    with pytest.raises(InvalidMark, match="edited"):
        decode(json.dumps(content))


def test_json_laid_out_anew_by_a_tool_is_still_the_mark():
    mark = make_mark(branch="é")
    content = json.loads(encode(mark))
    assert decode(json.dumps(content, indent=4, sort_keys=True, ensure_ascii=True)) == mark


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_comment_that_was_cut_short_is_refused(cut):
    with pytest.raises(InvalidMark):
        decode(encode(make_mark())[:-cut])


@pytest.mark.parametrize("checksum", [..., None, "", 0, [], "0" * 16])
def test_a_mark_without_its_checksum_is_refused(checksum):
    content = {**json.loads(encode(make_mark())), "checksum": checksum}
    content = {name: value for name, value in content.items() if value is not ...}
    with pytest.raises(InvalidMark, match="checksum"):
        decode(json.dumps(content))


# --- what is no mark ----------------------------------------------------------------------------

FOREIGN = [
    None,
    "",
    " ",
    "Sales figures, owned by finance",
    "null",
    "{}",
    "[]",
    "42",
    '{"project": "default"}',
    '{"dbt": {"owner": "ml"}}',
    '{"branch\\u005ftoolkit": 1}',
]
PRETENDERS = [
    '"branch_toolkit"',
    '["branch_toolkit"]',
    '[{"branch_toolkit": 1}]',
    '{"tool": "branch_toolkit"}',
    '{"branch_toolkit": {"branch_toolkit": 1}}',
    '{"branch_toolkit": 1',
    '{"branch_toolkit": 1} and more',
    '{"branch_toolkit": NaN}',
    '{"branch_toolkit": [1]}',
    'see {"branch_toolkit": 1}',
    '{"branch_toolkit": 1, "pull_request": ' + "9" * 5000 + "}",
]


@pytest.mark.parametrize("comment", FOREIGN)
def test_a_comment_of_someone_else_does_not_even_claim_to_be_a_mark(comment):
    assert not is_mark(comment)
    with pytest.raises(InvalidMark, match="no mark of ours"):
        decode(comment)


@pytest.mark.parametrize("comment", PRETENDERS, ids=lambda comment: comment[:40])
def test_what_only_looks_like_a_mark_is_refused_with_a_remedy(comment):
    assert is_mark(comment)
    with pytest.raises(InvalidMark) as caught:
        decode(comment)
    assert caught.value.remedy


@pytest.mark.parametrize("version", [0, 2, -1, 99, "1", None, [1], {}, 1.5])
def test_a_mark_of_another_format_is_refused_and_sends_to_the_version_that_wrote_it(version):
    with pytest.raises(InvalidMark, match="format") as caught:
        decode(sealed(branch_toolkit=version))
    assert "version" in caught.value.remedy


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_nested_bomb_is_refused_at_any_depth(opening):
    closing = "]" if opening == "[" else "}"
    for depth in [*range(1, 1100, 7), *range(900, 1010), 10_000, 200_000]:
        bomb = opening * depth + ("" if opening == "[" else "1") + closing * depth
        with pytest.raises(InvalidMark):
            decode(f'{{"branch_toolkit": 1, "x": {bomb}}}')


@thorough
@given(st.text(max_size=80) | st.from_regex(r'\{"branch_toolkit": ?1[^\x00]{0,40}\}?'))
def test_any_text_at_all_is_refused_with_our_own_error(text):
    with pytest.raises(InvalidMark):
        decode(text)


# --- what is sealed but makes no sense ----------------------------------------------------------


ADDED_LATER = {
    "role",
    "condition",
    "restored_at",
    "keep_until",
    "schema_only",
    "as_of",
    "cause",
    "sha",
    "stamp",
}


@pytest.mark.parametrize("field", sorted({field.name for field in fields(Mark)} - ADDED_LATER))
def test_a_mark_that_lacks_a_field_is_refused(field):
    with pytest.raises(InvalidMark, match=field):
        decode(sealed(**{field: ...}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", None),
        ("project", 1),
        ("clone", ["analytics__pr_42"]),
        ("base_schema", {}),
        ("database", None),
        ("strategy", True),
        ("pull_request", "42"),
        ("pull_request", True),
        ("pull_request", 42.0),
        ("branch", 7),
        ("created_at", None),
        ("created_at", "yesterday"),
        ("created_at", 1700000000),
        ("last_used_at", ""),
        ("created_at", "2026-01-01T00:00:00"),
        ("last_used_at", "2026-01-01T00:00:00"),
        ("retired_at", "2026-01-01T00:00:00"),
        ("drop_after", "2026-01-01"),
        ("drop_after", "2026-13-01T00:00:00+00:00"),
        ("drop_after", "2026-01-01T00:00:00+25:00"),
        ("condition", 1),
        ("condition", True),
        ("condition", ["building"]),
        ("schema_only", None),
        ("schema_only", 1),
        ("schema_only", "true"),
        ("as_of", 7),
        ("cause", 1),
        ("sha", 7),
        ("restored_at", "2026-01-01T00:00:00"),
        ("keep_until", "2026-01-01"),
        ("keep_until", True),
    ],
)
def test_a_field_of_the_wrong_kind_or_a_naive_time_is_refused(field, value):
    with pytest.raises(InvalidMark, match="misstates a field"):
        decode(sealed(**{field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("project", 1), ("drop_after", "2026-01-01"), ("drop_after", "yesterday"), ("created_at", 0)],
)
def test_the_refusal_names_the_field(field, value):
    with pytest.raises(InvalidMark, match=field):
        decode(sealed(**{field: value}))


def test_a_field_that_a_later_version_added_is_no_reason_to_refuse():
    assert decode(sealed(lease="2026-12-01")) == make_mark()


@pytest.mark.parametrize("field", sorted(ADDED_LATER))
def test_a_mark_from_before_a_field_was_added_is_as_good_as_ever(field):
    assert decode(sealed(**{field: ...})) == make_mark()


@pytest.mark.parametrize("condition", ["", "Building", "dropped", "renaming"])
def test_a_condition_that_we_do_not_know_keeps_us_from_touching_the_schema(condition):
    with pytest.raises(InvalidMark, match="condition"):
        decode(sealed(condition=condition))


@quick
@given(marks(), st.sampled_from(CONDITIONS), st.text(min_size=1))
def test_the_mark_of_half_a_clone_says_so_under_its_own_name(mark, condition, name):
    half = mark.half(condition, name=name)
    assert decode(encode(half)) == half
    assert (half.clone, half.condition) == (name, condition)
    assert replace(half, clone=mark.clone, condition=None) == mark


# --- states -------------------------------------------------------------------------------------


def test_retiring_sets_aside_for_the_grace_period_and_changes_nothing_else():
    mark = make_mark(branch="feature")
    retired = mark.retire(now=NOW, because="merged", grace=3 * DAY)
    assert retired.retired
    assert not mark.retired
    assert (retired.retired_at, retired.drop_after) == (NOW, NOW + 3 * DAY)
    assert retired.retired_because == "merged"
    assert (retired.cause, retired.sha) == ("asked", None)
    in_use = {"retired_at": None, "retired_because": None, "drop_after": None, "cause": None}
    assert replace(retired, **in_use) == mark


def test_retiring_records_the_cause_and_the_head_and_restoring_forgets_them():
    retired = make_mark().retire(now=NOW, because="x", grace=DAY, cause=Cause.IDLE, sha="abc")
    assert (retired.cause, retired.sha) == ("idle", "abc")
    assert decode(encode(retired)) == retired
    restored = retired.restore(now=NOW + DAY)
    assert (restored.cause, restored.sha) == (None, None)
    assert restored.restored_at == restored.last_used_at == NOW + DAY


def test_a_lease_is_kept_through_retiring_and_restoring_and_can_be_ended():
    leased = make_mark().keep(until=NOW + DAY)
    back = leased.retire(now=NOW, because="x", grace=DAY).restore(now=NOW)
    assert back.keep_until == NOW + DAY
    assert leased.keep(until=None) == make_mark()


def test_a_slow_clock_does_not_move_the_last_use_back():
    used = make_mark(last_used_at=NOW).use(now=NOW - DAY)
    assert used.last_used_at == NOW
    assert used.use(now=NOW + DAY).last_used_at == NOW + DAY


def test_a_cause_that_only_a_later_version_knows_is_read_and_kept():
    mark = decode(sealed(cause="moved"))
    assert mark.cause == "moved"
    assert decode(encode(mark)) == mark


@quick
@given(marks())
def test_restoring_undoes_retiring_but_for_the_time_of_use(mark):
    fresh = mark.restore(now=NOW)
    assert not fresh.retired
    assert fresh.drop_after is None
    assert fresh.last_used_at == NOW
    assert fresh.retire(now=NOW, because="x", grace=DAY).restore(now=NOW) == fresh
