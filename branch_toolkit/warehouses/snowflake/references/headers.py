"""What stands before the body of a CREATE statement: led to the clone, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import Token

from branch_toolkit.warehouses.snowflake.names import quote
from branch_toolkit.warehouses.snowflake.references import written
from branch_toolkit.warehouses.snowflake.references.created import Created
from branch_toolkit.warehouses.snowflake.references.moves import (
    Moves,
    Reference,
    Unreadable,
    in_order,
    reference,
    resolve,
)
from branch_toolkit.warehouses.snowflake.references.naming import (
    STRINGS,
    chains,
    in_path,
    mentions,
    telling,
    tokens_of,
)
from branch_toolkit.warehouses.snowflake.references.text import Edit, splice, string

_TEXTS = frozenset({"COMMENT", "DEFAULT", "HANDLER"})
"""What is followed by a string that is no name."""

# https://docs.snowflake.com/en/sql-reference/sql/create-view: COPY GRANTS stands before these.
_AFTER_COPY_GRANTS = frozenset({"AGGREGATION", "AS", "COMMENT"})


def references(created: Created, moves: Moves) -> list[Reference]:
    """The references that its policies, tags, files, defaults, … are; its own name is none.

    Raises:
        Unreadable: It cannot be told whether it leads to base.
    """
    tokens = created.tokens[created.name.last + 1 :]
    if not tokens:
        return []
    found = [*written.references(created.text, tokens, moves), *_chains(tokens, moves)]
    for index, token in enumerate(created.tokens):
        if token.token_type in STRINGS and _is_unclear(created, index, moves):
            raise Unreadable("a string before its body may name base")
    return in_order(found)


def own_name(created: Created, moves: Moves) -> list[Edit]:
    """The edits that put the object into the clone.

    Raises:
        Unreadable: It is neither in base nor in a clone.
    """
    name = resolve(created.name.parts, moves.home)
    if name is None or name.schema not in {*moves.schemas, *moves.schemas.values()}:
        raise Unreadable("what it creates is in none of the schemas that are cloned")
    target = moves.schemas.get(name.schema, name.schema)
    if len(created.name.parts) == 1:
        start, _ = created.name.places[0]
        return [Edit(start, start, f"{target}.")]
    if target == name.schema:
        return []
    if len(created.name.parts) < -moves.part:
        start, _ = created.name.places[0]
        return [Edit(start, start, f"{quote(target.database)}.")]
    return [Edit(*created.name.places[moves.part], quote(moves.word(name.schema)))]


def copy_grants(created: Created) -> list[Edit]:
    """The edits that let a view which is replaced hand on what is granted on it.

    https://docs.snowflake.com/en/sql-reference/sql/create-view and …/create-materialized-view,
    where it stands elsewhere.
    """
    if created.kind != "VIEW" or not created.replaces:
        return []
    top = list(created.at_top())
    if any(_pair(created.tokens, index) == ("COPY", "GRANTS") for index, _ in top):
        return []
    if "MATERIALIZED" in created.prefix:
        _, end = created.name.places[-1]
        return [Edit(end, end, " COPY GRANTS")]
    starts = (index for index, token in top if token.text.upper() in _AFTER_COPY_GRANTS)
    index = next(starts, None)
    if index is None:
        return []
    if _pair(created.tokens, index - 1)[0] == "WITH":
        index -= 1
    start = created.tokens[index].start
    return [Edit(start, start, "COPY GRANTS ")]


def compare(created: Created, edits: Sequence[Edit], new: Created) -> None:
    """Compares the words of the new statement with those that it should have.

    Raises:
        Unreadable: They differ.
    """
    expected = list(_expected(created, sorted(edits)))
    if expected != [_shape(token) for token in new.tokens]:
        raise Unreadable("what was rewritten does not say what it should")


def _chains(tokens: Sequence[Token], moves: Moves) -> Iterator[Reference]:
    in_stages = written.in_stages(tokens)
    for chain in chains(tokens):
        parts, places = chain.parts, chain.places
        if tokens[chain.first].start in in_stages or in_path(tokens, chain.first):
            continue
        if parts[-1] == "NEXTVAL":
            parts, places = parts[:-1], places[:-1]
        if len(parts) > 3 and not telling(moves.schemas, moves.target).isdisjoint(parts):
            raise Unreadable(f"it cannot be told what {'.'.join(parts)} is")
        found = reference(parts, moves.place(places), moves) if parts[1:] else None
        if found is not None:
            yield found


def _is_unclear(created: Created, index: int, moves: Moves) -> bool:
    """Whether a string names base, and is no remark, tag's value or the like."""
    tokens, token = created.tokens, created.tokens[index]
    if written.is_name(tokens, index):
        return False
    said = string(created.text, token.start, token.end + 1).text
    if not mentions(said, moves.schemas, home=moves.target):
        return False
    before = [before.text.upper() for before in tokens[max(0, index - 2) : index]]
    if before[-1:] == ["="]:
        before.pop()
    return before[-1:] != [] and before[-1] not in _TEXTS and not _in_tags(tokens, index)


def _in_tags(tokens: Sequence[Token], index: int) -> bool:
    while index and tokens[index].text != "(":
        index -= 1
    return index > 0 and tokens[index - 1].text.upper() == "TAG"


def _expected(created: Created, edits: Sequence[Edit]) -> Iterator[tuple[str, str]]:
    waiting = list(edits)
    for token in created.tokens:
        while waiting and waiting[0].end <= token.start:
            yield from map(_shape, tokens_of(waiting.pop(0).text))
        inside: list[Edit] = []
        while waiting and waiting[0].start <= token.end:
            edit = waiting.pop(0)
            inside.append(Edit(edit.start - token.start, edit.end - token.start, edit.text))
        raw = created.text[token.start : token.end + 1]
        yield from map(_shape, tokens_of(splice(raw, inside)) if inside else [token])


def _shape(token: Token) -> tuple[str, str]:
    return token.token_type.name, token.text


def _pair(tokens: Sequence[Token], index: int) -> tuple[str, ...]:
    return tuple(token.text.upper() for token in tokens[index : index + 2])
