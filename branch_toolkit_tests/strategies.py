"""What the tests draw from: builders of plain values, and Hypothesis strategies made of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from branch_toolkit.core.branch import Branch, BranchKey, BranchSnapshot, BranchState, Project
from branch_toolkit.core.cause import Cause
from branch_toolkit.core.environment import Environment, OwnedSchema, SchemaFacts, Territory
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.names import POSTGRES, SNOWFLAKE, clone_name, environment_name
from branch_toolkit.core.policy import Forks, Policy, ProvisionOn

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
DATABASE = "warehouse@7312345678901234567"
DAY = timedelta(days=1)

quick = settings(deadline=None, max_examples=100)
thorough = settings(deadline=None, max_examples=300)

# --- builders -----------------------------------------------------------------------------------


def make_mark(key: BranchKey | None = None, base: str = "analytics", **changes: Any) -> Mark:
    """The mark of a clone of `base` for a branch, by default pull request 42."""
    key = key or BranchKey(number=42)
    known: dict[str, Any] = {
        "project": "default",
        "clone": clone_name(base, key),
        "base_schema": base,
        "database": DATABASE,
        "repository": key.repository,
        "branch": key.name,
        "pull_request": key.number,
        "created_at": NOW - 10 * DAY,
        "last_used_at": NOW - 5 * DAY,
    }
    return Mark(**{**known, **changes})


def make_facts(mark: Mark, **changes: Any) -> SchemaFacts:
    """The schema that carries a mark."""
    return SchemaFacts(**{"name": mark.clone, "comment": encode(mark), **changes})


def make_clone(mark: Mark) -> OwnedSchema:
    """The clone that carries a mark."""
    return OwnedSchema(make_facts(mark), territory_of(mark))


def territory_of(mark: Mark) -> Territory:
    """The territory of the project and database that a mark names."""
    return Territory(Project(name=mark.project), mark.database, frozenset())


def make_environment(
    key: BranchKey | int = 42,
    *,
    bases: Iterable[str] = ("analytics",),
    retired: Iterable[str] = (),
    drop_after: datetime | None = NOW + DAY,
    aside: Mapping[str, Any] = {},
    **changes: Any,
) -> Environment:
    """An environment of one clone per base schema, those in `retired` being set aside.

    Args:
        key: The branch.
        bases: The base schemas.
        retired: Those of them whose clones are set aside.
        drop_after: When these may be dropped.
        aside: More of the marks of these.
        changes: More of all marks.
    """
    key = BranchKey(number=key) if isinstance(key, int) else key
    known = {"retired_at": NOW - 2 * DAY, "retired_because": "test", "drop_after": drop_after}
    aside = {**known, **aside}
    marks = [
        make_mark(key, base, **{**(aside if base in set(retired) else {}), **changes})
        for base in bases
    ]
    return Environment(environment_name(key), key, tuple(map(make_clone, marks)))


def make_branch(
    key: BranchKey | int,
    state: BranchState = BranchState.OPEN,
    name: str | None = None,
    **details: Any,
) -> Branch:
    """A branch as a source tells of it."""
    key = BranchKey(number=key) if isinstance(key, int) else key
    return Branch(key=key, name=name or key.name, state=state, **details)


def make_snapshot(
    *branches: Branch, complete: bool = True, repository: str | None = None
) -> BranchSnapshot:
    """A branch source's answer."""
    return BranchSnapshot(
        branches=branches,
        complete=complete,
        source="the forge",
        repository=repository,
        note=None if complete else "the second page failed",
    )


# --- identities ---------------------------------------------------------------------------------

SEPARATORS = "-_/."

words = st.text(st.sampled_from("abcxyz0189"), min_size=1, max_size=6)


@st.composite
def plain_names(draw: st.DrawFn) -> str:
    """Branch names as people give them: `feature/login-page`."""
    first, *others = draw(st.lists(words, min_size=1, max_size=5))
    return first + "".join(draw(st.sampled_from(SEPARATORS)) + word for word in others)


branch_names = st.one_of(
    plain_names(),
    st.text(max_size=40).filter(lambda text: any(char.isalnum() for char in text)),
    st.sampled_from(["select", "user", "PUBLIC", "pr-42", "pr_42", "42", "Ünïcode/naïve", "日本"]),
    plain_names().map(lambda text: "x" * 300 + text),
)
numbers = st.one_of(st.integers(1, 60), st.integers(1, 10**12))
repositories = st.builds(
    "{}/{}".format, st.sampled_from(["acme", "evil", "a/b"]), st.sampled_from(["pipelines", "x-y"])
)
branch_keys = st.one_of(
    st.builds(BranchKey, repository=st.none() | repositories, number=numbers),
    st.builds(BranchKey, repository=st.none() | repositories, name=branch_names),
)
projects = st.builds(
    Project,
    name=st.just("default") | plain_names() | st.text(min_size=1, max_size=20),
    repository=st.none() | repositories,
)
base_schemas = st.one_of(
    st.sampled_from(
        [
            "analytics",
            "staging",
            "a",
            "A",
            "a_",
            "a__b",
            "a__pr_42",
            "Analytics",
            "日本語",
            "_" * 63,
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15),
    st.integers(40, 63).map(lambda length: "b" * length),
    st.integers(5, 21).map(lambda length: "語" * length),
).filter(lambda text: text != "pg" and not text.startswith("pg_"))
dialects = st.sampled_from([POSTGRES, SNOWFLAKE])


class Identity(NamedTuple):
    """All that a clone's name is made from."""

    project: str
    repository: str | None
    number: int | None
    name: str | None
    base: str

    @property
    def key(self) -> BranchKey:
        """The branch."""
        return BranchKey(repository=self.repository, number=self.number, name=self.name)


def _swap_separators(text: str) -> list[str]:
    return [text.replace(old, new) for old in SEPARATORS for new in (*SEPARATORS, "", "__", " ")]


def _respellings(text: str) -> list[str]:
    """Other texts that a careless rule would take for this one."""
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    cases = [text.upper(), text.lower(), text.swapcase(), text.title(), text.casefold()]
    edges = [f"{text}_", f"_{text}", f"{text}-", f"{text} ", f"{text}/", f"{text}x", text[:-1]]
    others = [*forms, *cases, *edges, *_swap_separators(text)]
    return [other for other in others if any(char.isalnum() for char in other)] or [text]


def _neighbours(of: Identity) -> list[Identity]:
    """Identities that are easily confused with this one."""
    found = [of._replace(base=base) for base in (*_respellings(of.base), f"{of.base}__pr_42")]
    found += [of._replace(project=project) for project in _respellings(of.project)]
    found += [of._replace(repository=other) for other in (None, "acme/pipelines", "evil/pipelines")]
    if of.number is not None:
        as_names = (f"pr-{of.number}", f"pr_{of.number}", f"PR/{of.number}", str(of.number))
        found += [of._replace(number=None, name=name) for name in as_names]
        found += [of._replace(number=int(f"{of.number}0")), of._replace(number=of.number + 1)]
        return found
    name = str(of.name)
    found += [of._replace(name=other) for other in _respellings(name)]
    found += [of._replace(name="x" * 300 + name), of._replace(name="x" * 301 + name)]
    # A piece that moves over the border between two parts: `a` + `b_c` and `a_b` + `c`.
    found += [of._replace(project=f"{of.project}_a"), of._replace(name=f"a_{name}")]
    found += [of._replace(base=f"{of.base}__{name}"[:15])]
    own = environment_name(of.key, project=of.project)
    return [*found, of._replace(name=own), of._replace(name=f"{name}_{own.rpartition('_')[2]}")]


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    """One identity."""
    key = draw(branch_keys)
    project = draw(projects).name
    return Identity(project, key.repository, key.number, key.name, draw(base_schemas))


@st.composite
def near_identities(draw: st.DrawFn) -> tuple[Identity, Identity]:
    """Two identities that are one to four steps of confusion apart."""
    left = right = draw(identities())
    for _ in range(draw(st.integers(1, 2))):
        left = draw(st.sampled_from(_neighbours(left)))
        right = draw(st.sampled_from(_neighbours(right)))
    return left, right


# --- marks --------------------------------------------------------------------------------------

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=zones,
)
texts = st.text(max_size=30)


@st.composite
def marks(draw: st.DrawFn) -> Mark:
    """Any mark: in use or set aside, with hostile texts."""
    key = draw(branch_keys)
    mark = make_mark(
        key,
        draw(base_schemas.filter(lambda base: len(base.encode()) <= 63)),
        project=draw(texts),
        database=draw(texts),
        branch=draw(st.none() | texts),
        repository=draw(st.none() | texts),
        strategy=draw(texts),
        base_state=draw(texts),
        created_at=draw(times),
        last_used_at=draw(times),
        toolkit=draw(texts),
    )
    mark = replace(
        mark,
        restored_at=draw(st.none() | times),
        keep_until=draw(st.none() | times),
        schema_only=draw(st.booleans()),
        as_of=draw(st.none() | texts),
    )
    if draw(st.booleans()):
        return mark
    return mark.retire(
        now=draw(times),
        because=draw(texts),
        grace=draw(st.sampled_from([DAY, 0 * DAY])),
        cause=draw(st.sampled_from(Cause)),
        sha=draw(st.none() | texts),
    )


# --- scenes for reconcile -----------------------------------------------------------------------

BASES = ("analytics", "staging")
states = st.sampled_from(BranchState)
policies = st.builds(
    Policy,
    provision_on=st.sampled_from(ProvisionOn),
    drafts=st.booleans(),
    forks=st.sampled_from(Forks),
    base_branches=st.sampled_from([(), (), ("main",)]),
    grace=st.sampled_from([timedelta(0), 3 * DAY]),
    grace_after_merge=st.sampled_from([None, timedelta(0)]),
    protected_branches=st.sampled_from([(), ("release/*",)]),
    idle_after=st.sampled_from([None, 4 * DAY]),
    max_age=st.sampled_from([None, 9 * DAY]),
    max_environments=st.none() | st.integers(1, 6),
    max_retirements=st.integers(1, 12),
    max_retired_share=st.sampled_from([0.1, 0.5, 1.0]),
    share_applies_from=st.integers(1, 8),
    max_provisions=st.sampled_from([2, 20]),
    max_drops=st.integers(1, 12),
)
_shas = st.sampled_from([None, "a", "b"])
_labels = st.frozensets(st.sampled_from(["branch-environment", "keep-environment"]))
_uses = st.integers(0, 240).map(lambda hours: NOW - hours * timedelta(hours=1))
_moments = st.sampled_from([NOW - DAY, NOW, NOW + timedelta(microseconds=1), NOW + DAY])


@st.composite
def environments(draw: st.DrawFn, key: BranchKey, name: str | None) -> Environment:
    """An environment in any state: in use, lacking a clone, partly or wholly set aside, …."""
    bases = draw(st.sampled_from([BASES, BASES[:1], BASES[1:]]))
    retired = draw(st.sampled_from([(), (), bases, bases, bases[:1]]))
    created_at = draw(st.sampled_from([NOW - 10 * DAY] * 5 + [NOW + DAY]))
    aside: dict[str, Any] = {}
    if retired:
        causes = ["merged", "closed", "gone", "idle", "age", "quota", "asked", None, "of later"]
        aside = {"cause": draw(st.sampled_from(causes)), "sha": draw(_shas)}
    return make_environment(
        key,
        bases=bases,
        retired=retired,
        drop_after=draw(_moments | st.none()),
        created_at=created_at,
        last_used_at=max(created_at, draw(_uses)),
        restored_at=draw(st.none() | _uses),
        keep_until=draw(st.none() | _moments),
        branch=name,
        aside=aside,
    )


@st.composite
def told_branches(draw: st.DrawFn, key: BranchKey, name: str) -> Branch:
    """A branch with all that a forge may tell of it."""
    return make_branch(
        key,
        draw(states),
        name,
        sha=draw(_shas),
        base=draw(st.sampled_from([None, "main", "main", "develop"])),
        draft=draw(st.sampled_from([False, False, True])),
        fork=draw(st.sampled_from([False, False, True])),
        labels=draw(_labels),
    )


class Scene(NamedTuple):
    """What `reconcile` is given."""

    snapshot: BranchSnapshot
    environments: tuple[Environment, ...]
    policy: Policy


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Branches and environments that overlap, each branch being told of once at most."""
    found: list[Environment] = []
    told: list[Branch] = []
    for index in draw(st.lists(st.integers(1, 40), unique=True, max_size=14)):
        folder = draw(st.sampled_from(["feature", "feature", "release"]))
        name = draw(st.sampled_from([f"{folder}/{index}"] * 5 + ["main"]))
        numbered = name == "main" or draw(st.booleans())
        key = BranchKey(number=index) if numbered else BranchKey(name=name)
        if draw(st.booleans()):
            found.append(draw(environments(key, name)))
        if draw(st.booleans()):
            told.append(draw(told_branches(key, name)))
    snapshot = make_snapshot(*told, complete=draw(st.booleans()))
    return Scene(snapshot, tuple(found), draw(policies))
