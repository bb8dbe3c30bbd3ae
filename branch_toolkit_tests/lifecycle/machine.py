"""The machine: everybody who can do anything to a branch's environment, in any order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from branch_toolkit.core.action import Action, Verb
from branch_toolkit.core.branch import Branch, BranchKey, BranchState
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.mark import Mark, encode
from branch_toolkit.core.policy import Policy
from branch_toolkit.observing import Observation
from branch_toolkit_tests.lifecycle import drawing
from branch_toolkit_tests.lifecycle.drawing import DAY, HOUR
from branch_toolkit_tests.lifecycle.forge import Fault
from branch_toolkit_tests.lifecycle.grounds import Ground
from branch_toolkit_tests.lifecycle.mortal import Fate
from branch_toolkit_tests.lifecycle.resting import come_to_rest
from branch_toolkit_tests.lifecycle.world import World

ENDED = {BranchState.MERGED, BranchState.CLOSED}
picks = st.integers(0, 10**6)
sensors = st.integers(0, 1)


class LifecycleMachine(RuleBasedStateMachine):
    """Turns the world; a subclass says what it stands on, and has a counter of its own."""

    happened: ClassVar[Counter[str]] = Counter()

    def ground(self) -> Ground:
        """The warehouse, empty but for base."""
        raise NotImplementedError

    @initialize(policy=drawing.policies, opened=drawing.opened)
    def begin(self, policy: Policy, opened: dict[BranchKey, str]) -> None:
        self.world = World(self.ground(), policy, self.happened)
        self.forge = self.world.forge
        self.seen: dict[int, Observation] = {}
        self.shas = 0
        for key, name in opened.items():
            self.open_or_reopen(key, name, labels=frozenset({policy.provision_label}))
        self.tick(write=True)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            come_to_rest(self.world)

    # --- what happens on the forge --------------------------------------------------------------

    @rule(
        key=drawing.keys,
        name=drawing.names,
        draft=st.sampled_from([False, False, True]),
        fork=st.sampled_from([False, False, True]),
        base=drawing.bases,
        labels=st.frozensets(st.sampled_from(drawing.LABELS)),
    )
    def open_or_reopen(self, key: BranchKey, name: str, **details: Any) -> None:
        known = self.forge.branches.get(key)
        if known is not None:
            self.forge.put(key, state=BranchState.OPEN)
        elif key.number is None:
            self.forge.put(key, sha=self._sha())
        else:
            self.forge.put(key, name=name, sha=self._sha(), **details)

    @precondition(lambda self: self.forge.open())
    @rule(pick=picks)
    def push_or_force_push(self, pick: int) -> None:
        self._alter(pick, sha=self._sha())

    @precondition(lambda self: self.forge.open())
    @rule(pick=picks, state=st.sampled_from(sorted(ENDED)))
    def end(self, pick: int, state: BranchState) -> None:
        key = self._open(pick).key
        if key.number is None:
            del self.forge.branches[key]
        else:
            self.forge.put(key, state=state)

    @precondition(lambda self: any(each.key.number for each in self.forge.open()))
    @rule(pick=picks, name=drawing.names, base=drawing.bases, draft=st.booleans())
    def rename_or_retarget(self, pick: int, name: str, base: str, *, draft: bool) -> None:
        self._alter(pick, name=name, base=base, draft=draft)

    @precondition(lambda self: any(each.key.number for each in self.forge.open()))
    @rule(pick=picks, label=st.sampled_from(drawing.LABELS))
    def label_or_unlabel(self, pick: int, label: str) -> None:
        self._alter(pick, labels=self._open(pick, numbered=True).labels ^ {label})

    @rule(fault=drawing.faults, tells_ended=st.booleans())
    def trouble_the_forge(
        self, fault: tuple[Fault, frozenset[BranchKey]], *, tells_ended: bool
    ) -> None:
        self.forge.fault, self.forge.hidden = fault
        self.forge.tells_ended = tells_ended

    # --- time -----------------------------------------------------------------------------------

    @rule(time=drawing.times)
    def wait(self, time: timedelta) -> None:
        self.world.pass_time(time)

    @rule(time=drawing.leaps)
    def have_the_clock_leap(self, time: timedelta) -> None:
        self.world.pass_time(time)

    # --- the sensors, and the runs that they ask for ----------------------------------------------

    @rule(write=st.booleans())
    def tick(self, *, write: bool) -> None:
        self.world.tick()
        for environment in self.world.witness.inventory().environments if write else ():
            if not environment.retired:
                self.world.write(environment)

    @rule(sensor=sensors)
    def observe(self, sensor: int) -> None:
        seen = self.world.observe()
        if seen is not None:
            self.seen[sensor] = seen

    @precondition(lambda self: self.seen)
    @rule(sensor=sensors, pick=picks, fate=drawing.fates)
    def act_on_what_was_seen(self, sensor: int, pick: int, fate: Fate | None) -> None:
        action = self._decided(sensor, pick)
        if action is not None:
            self.world.do(lambda: self.world.carry_out(action), fate=fate)

    @rule(pick=picks, other=picks, fate=drawing.fates)
    def act_both_at_once(self, pick: int, other: int, fate: Fate | None) -> None:
        for sensor in (0, 1):
            if sensor not in self.seen:
                self.observe(sensor)
        first, second = self._decided(0, pick), self._decided(1, other)
        if first is not None and second is not None:
            self.world.do(
                lambda: self.world.carry_out(first),
                fate=fate,
                meanwhile=lambda: self.world.carry_out(second),
            )

    @rule(fate=drawing.fates)
    def sweep(self, fate: Fate | None) -> None:
        self.world.do(self.world.sweep, fate=fate)

    # --- people, CI, and runs in the branch -------------------------------------------------------

    @precondition(lambda self: self.forge.branches)
    @rule(pick=picks, fate=drawing.fates, schema_only=st.booleans())
    def have_ci_provision(self, pick: int, fate: Fate | None, *, schema_only: bool) -> None:
        branch = self._any(pick)
        self.world.do(
            lambda: self.world.environments.provision(
                branch, now=self.world.now, schema_only=schema_only
            ),
            fate=fate,
        )

    @rule(number=drawing.numbers)
    def have_another_repository_provision(self, number: int) -> None:
        key = BranchKey(repository="evil/pipelines", number=number)
        branch = Branch(key=key, name="feature/a", repository="evil/pipelines")
        self.world.do(lambda: self.world.environments.provision(branch, now=self.world.now))

    @precondition(lambda self: self.forge.branches)
    @rule(pick=picks, fate=drawing.fates)
    def refresh(self, pick: int, fate: Fate | None) -> None:
        self.world.refresh(self._any(pick), fate=fate)

    @rule(pick=picks)
    def write(self, pick: int) -> None:
        environment = self._environment(pick)
        if environment is not None and not environment.retired:
            self.world.write(environment)

    @rule(pick=picks)
    def use(self, pick: int) -> None:
        environment = self._environment(pick)
        if environment is not None:
            now = self.world.now
            self.world.do(lambda: self.world.environments.record_use(environment, now=now))

    @rule(pick=picks, verb=st.sampled_from(["retire", "restore", "drop"]), fate=drawing.fates)
    def ask_by_hand(self, pick: int, verb: str, fate: Fate | None) -> None:
        environment = self._environment(pick)
        if environment is not None:
            self.world.do(lambda: self._by_hand(verb, environment.name), fate=fate)

    @rule(pick=picks, verb=st.sampled_from(["restore", "retire", "use", "keep"]))
    def ask_while_it_is_swept(self, pick: int, verb: str) -> None:
        environment = self._environment(pick)
        if environment is not None:
            meanwhile = lambda: self._by_hand(verb, environment.name)  # noqa: E731
            self.world.do(self.world.sweep, meanwhile=meanwhile)

    @rule(pick=picks, time=st.sampled_from([None, HOUR, 2 * DAY, 30 * DAY]))
    def keep(self, pick: int, time: timedelta | None) -> None:
        environment = self._environment(pick)
        if environment is not None:
            until = None if time is None else self.world.now + time
            self.world.do(lambda: self.world.environments.keep(environment.name, until=until))

    # --- production, and strangers ----------------------------------------------------------------

    @rule(table=st.sampled_from([None, None, "customers", "prices"]))
    def write_base(self, table: str | None) -> None:
        name = self.world.ground.bases[0]
        if table is None:
            self.world.ground.insert(name, next(self.world.tokens))
        elif table not in self.world.witness.base[name].tables:
            self.world.ground.add_table(name, table, 1)
        self.world.witness.expect_base()

    @rule(key=drawing.keys, forged=st.booleans())
    def let_a_stranger_come(self, key: BranchKey, *, forged: bool) -> None:
        """Its schema has a name like ours; its comment may be a copy of a mark of ours."""
        names = self.world.environments.clone_names(Branch(key=key))
        name = next(iter(names.values()))
        marks = list(self.world.witness.clones.values())
        comment = encode(marks[0]) if forged and marks else "owned by finance"
        if name not in self.world.ground.look() and not self._is_half_there(name):
            self.world.ground.create(name, comment=comment)
            self.world.witness.expect_stranger(name)

    @rule(pick=picks, how=st.sampled_from(["edit", "remove", "replace"]))
    def have_a_mark_edited(self, pick: int, how: str) -> None:
        clones = sorted(self.world.witness.clones.items())
        # A rare accident, that ends all that can happen to an environment.
        if clones and pick % 5 == 0:
            name, mark = clones[pick % len(clones)]
            self.world.ground.comment(name, _edited(mark, how))
            self.world.witness.expect_stranger(name)

    # --- of whom there is talk --------------------------------------------------------------------

    def _sha(self) -> str:
        self.shas += 1
        return f"{self.shas:040x}"

    def _any(self, pick: int) -> Branch:
        branches = list(self.forge.branches.values())
        return branches[pick % len(branches)]

    def _open(self, pick: int, *, numbered: bool = False) -> Branch:
        found = [each for each in self.forge.open() if each.key.number or not numbered]
        return found[pick % len(found)]

    def _alter(self, pick: int, **changes: Any) -> None:
        numbered = "sha" not in changes
        self.forge.put(self._open(pick, numbered=numbered).key, **changes)

    def _environment(self, pick: int) -> Environment | None:
        found = self.world.witness.inventory().environments
        return found[pick % len(found)] if found else None

    def _decided(self, sensor: int, pick: int) -> Action | None:
        if sensor not in self.seen:
            return None
        actions = [
            each for each in self.seen[sensor].actions if each.verb not in (Verb.KEEP, Verb.LEAVE)
        ]
        return actions[pick % len(actions)] if actions else None

    def _is_half_there(self, name: str) -> bool:
        halves = self.world.witness.inventory().debris
        return any(each.name.startswith(name) for each in halves)

    def _by_hand(self, verb: str, name: str) -> object:
        environments, now = self.world.environments, self.world.now
        if verb == "retire":
            grace = self.world.policy.grace
            return environments.retire(name, because="it was asked for", grace=grace, now=now)
        if verb == "keep":
            return environments.keep(name, until=now + DAY)
        if verb == "use":
            return environments.record_use(environments.inventory().find(name), now=now)
        return getattr(environments, verb)(name, now=now)


def _edited(mark: Mark, how: str) -> str | None:
    if how == "remove":
        return None
    if how == "replace":
        return "owned by finance"
    return encode(mark).replace(mark.project, f"{mark.project}s", 1)
