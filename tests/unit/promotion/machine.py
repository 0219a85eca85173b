"""Any order of commands, faults and writers: what should come of it, and what must always hold."""

import signal
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.unit.promotion.conftest import ENVIRONMENTS, MODELS, Fork, verdict
from tests.unit.promotion.faulty import BACK, STEPS, Action, Fault, Faulty, Kind, run_killed

from tidegate.findings import CouldNotCheckError, FindingsError
from tidegate.manifests.release import with_release
from tidegate.promotion.git import BRANCH, Repository, tracking
from tidegate.promotion.history import records
from tidegate.promotion.index import known_records

SERVICES = ("generator", "retriever")
TAGS = ("v1", "v2", "v3")  # in the order in which they were built
Outcome = Literal["commit", "nothing", "refused", "unknown"]
Unit = tuple[str, str]


@dataclass
class Expected:
    """What should have happened: the tags that each unit ran, in order, and all commits."""

    ran: dict[Unit, list[str]] = field(default_factory=dict)
    bad: dict[Unit, set[str]] = field(default_factory=dict)
    undoable: dict[Unit, str] = field(default_factory=dict)
    held: set[Unit] = field(default_factory=set)
    log: list[tuple[str, str, str, str]] = field(default_factory=list)

    def tags(self, unit: Unit) -> list[str]:
        """What a unit ran, the present one last."""
        return self.ran.setdefault(unit, [])

    def apply(self, action: Action) -> Outcome:
        """What the action comes to, and what is then."""
        unit = (action.environment, action.service)
        if action.kind in {"hold", "release-hold"}:
            if (unit in self.held) == (action.kind == "hold"):
                return "nothing"
            self.held ^= {unit}
            self.log.append((action.kind, *unit, ""))
            return "commit"
        tag = self.target(action, unit)
        own = self.tags(unit)
        if tag is None or own[-1:] == [tag]:
            return "refused" if tag is None else "nothing"
        bad = self.bad.setdefault(unit, set())
        self.undoable.pop(unit, None)
        if action.kind == "rollback":
            bad.add(own[-1])
            self.undoable[unit] = own[-1]
        bad.discard(tag)
        own.append(tag)
        self.log.append((action.kind, *unit, tag))
        return "commit"

    def target(self, action: Action, unit: Unit) -> str | None:
        """The tag that the action leads to; None where it must be refused."""
        own, bad = self.tags(unit), self.bad.get(unit, set())
        if action.kind == "undo":
            return self.undoable.get(unit)
        if action.kind == "rollback":
            return next((tag for tag in reversed(own) if tag != own[-1] and tag not in bad), None)
        rank = ENVIRONMENTS.index(action.environment)
        given = [action.release.engine.tag] if action.release else []
        before = self.tags((ENVIRONMENTS[rank - 1], action.service)) if rank else given
        if not before or own[-1:] == before[-1:]:
            return before[-1] if before else None
        tag = before[-1]
        older = bool(own) and (tag in own or TAGS.index(tag) < TAGS.index(own[-1]))
        return None if unit in self.held or (not action.lift and (tag in bad or older)) else tag


@dataclass(frozen=True)
class Wanted:
    """An action before its release is stored; the tag counts on the first environment."""

    kind: Kind
    service: str
    environment: str
    tag: str
    lift: bool

    def action(self, forked: Fork) -> Action:
        """The action, with a release and its evidence where it needs them."""
        unit = (self.service, self.environment)
        if self.kind != "promote" or self.environment != ENVIRONMENTS[0]:
            return Action(self.kind, *unit, lift=self.lift)
        release = forked.store.release(self.tag)
        started = f"2024-01-0{TAGS.index(self.tag) + 1}T12:00:00Z"
        gated = verdict(model=MODELS[self.service]).model_copy(update={"started": started})
        return Action(self.kind, *unit, release, forked.store.prove(release, gated), self.lift)


MOSTLY: list[Kind] = ["promote"]
KINDS: list[Kind] = [*MOSTLY * 5, "rollback", "rollback", "undo", "hold", "release-hold"]
wanted_actions = st.builds(
    Wanted,
    st.sampled_from(KINDS),
    st.sampled_from(SERVICES),
    st.sampled_from([*ENVIRONMENTS[:1] * 2, *ENVIRONMENTS]),
    st.sampled_from(TAGS),
    st.sampled_from([False, False, True]),
)
faults = st.one_of(
    st.builds(
        Fault,
        st.sampled_from(["refused", "unacknowledged"]),
        st.sampled_from(["fetch", "push", "push"]),
        st.integers(1, 5),
    ),
    st.builds(Fault, st.just("behind"), st.just("fetch"), st.integers(1, 9)),
)


class Promotions(RuleBasedStateMachine):
    """A checkout whose git meets faults and whose process is killed, and another writer."""

    def __init__(self, forked: Fork, other: Fork) -> None:
        super().__init__()
        self.forked, self.other = forked, other
        self.first = forked.remote.run("rev-list", "--max-parents=0", BRANCH).strip()
        self.expected = Expected()
        self.fetched = Expected()

    @initialize()
    def start_over(self) -> None:
        """A fork that never promoted; the index of the schedule before is still there."""
        self.forked.remote.run("update-ref", f"refs/heads/{BRANCH}", self.first)
        self.forked.git.run("fetch", "--quiet")
        self.forked.git.run("reset", "--quiet", "--hard", tracking(BRANCH))

    def said(self, git: Repository, action: Action) -> Outcome:
        """What the action came to by its own account."""
        try:
            commit = action.run(git, self.forked.store.layout)
        except FindingsError:
            return "refused"
        except CouldNotCheckError:
            return "unknown"
        return "commit" if commit else "nothing"

    def settle(self, action: Action, before: str, rival: Action | None = None) -> None:
        """After a run that could not say what it did: it did all or nothing, and is run again.

        A rollback that has landed goes no further back. Where a rival has changed the unit in
        between, nobody can tell what is meant: it is refused once, and is then a new request.
        """
        landed = self.forked.tip() != before
        if landed:
            assert self.expected.apply(action) == "commit"
        overtaken = False
        if rival:
            outcome = self.expected.apply(rival)
            assert self.said(self.other.git, rival) == outcome
            overtaken = outcome == "commit" and rival.moves_what(action)
        said = self.said(self.forked.git, action)
        if landed and action.kind in BACK:
            assert said == ("refused" if overtaken else "commit")
            said = self.said(self.forked.git, action) if overtaken else said
        if overtaken or not landed or action.kind not in BACK:
            assert said == self.expected.apply(action)
        assert self.forked.worktrees() == 1

    def caught_up(self) -> None:
        """The checkout knows the remote's main as it is."""
        self.forked.git.run("fetch", "--quiet")
        self.fetched = deepcopy(self.expected)

    @rule(wanted=wanted_actions)
    def act(self, wanted: Wanted) -> None:
        """Without a fault, the outcome is the expected one."""
        action = wanted.action(self.forked)
        assert self.said(self.forked.git, action) == self.expected.apply(action)
        self.caught_up()

    @rule(wanted=wanted_actions)
    def act_elsewhere(self, wanted: Wanted) -> None:
        """Another writer acts, and this checkout is behind."""
        action = wanted.action(self.forked)
        assert self.said(self.other.git, action) == self.expected.apply(action)

    @rule(wanted=wanted_actions, fault=faults)
    def act_on_a_faulty_remote(self, wanted: Wanted, fault: Fault) -> None:
        """What is done is what was expected; what was left undone can be done again.

        Only a remote that is behind may be told of a past state, and never a commit on it.
        """
        action, before = wanted.action(self.forked), self.forked.tip()
        said = self.said(Faulty(self.forked.git.path, fault), action)
        if said == "unknown":
            self.settle(action, before)
        elif fault.kind == "behind" and said != "commit":
            assert said in {deepcopy(one).apply(action) for one in (self.fetched, self.expected)}
        else:
            assert said == self.expected.apply(action)
        self.caught_up()

    @rule(wanted=wanted_actions, rival=wanted_actions)
    def lose_a_race(self, wanted: Wanted, rival: Wanted) -> None:
        """Who was faster counts first, and the other decides again on what is then."""
        action, faster = wanted.action(self.forked), rival.action(self.forked)

        def overtake() -> None:
            assert self.said(self.other.git, faster) == self.expected.apply(faster)

        said = self.said(Faulty(self.forked.git.path, before_push=overtake), action)
        assert said == self.expected.apply(action)
        self.caught_up()

    @rule(wanted=wanted_actions, where=st.sampled_from(STEPS), rival=st.none() | wanted_actions)
    def be_killed(self, wanted: Wanted, where: tuple[str, str], rival: Wanted | None) -> None:
        """SIGKILL at any step, then again: one commit, whatever another writer did in between."""
        action, before = wanted.action(self.forked), self.forked.tip()
        ended = run_killed(action, self.forked.git, self.forked.store.layout, *where)
        assert ended in {0, -signal.SIGKILL}
        if ended:
            self.settle(action, before, rival.action(self.forked) if rival else None)
        else:  # it never came there
            assert (self.expected.apply(action) == "commit") == (self.forked.tip() != before)
        self.caught_up()

    @invariant()
    def main_is_the_expected_line(self) -> None:
        """Every commit, none twice, each on the one before."""
        told = self.forked.remote.run("log", "--reverse", "--format=%s%x00%H %P", BRANCH)
        lines = [line.split("\0") for line in told.splitlines()]
        assert [subject for subject, _ in lines[1:]] == list(map(self.subject, self.expected.log))
        ids = [line.split() for _, line in lines]
        assert [parents for _, *parents in ids[1:]] == [[one] for one, *_ in ids[:-1]]

    def subject(self, entry: tuple[str, str, str, str]) -> str:
        """How a commit of the log begins."""
        kind, environment, service, tag = entry
        release = f" {self.forked.store.release(tag)}" if tag else ""
        return f"{kind}({environment}): {service}{release}"

    def teardown(self) -> None:
        """The index and git agree; each commit changes its release or its hold, nothing else."""
        main = tracking(BRANCH)
        self.forked.git.run("fetch", "--quiet")
        found = known_records(self.forked.git, main)
        assert found == records(self.forked.git, main)
        assert len(found) == sum(bool(tag) for *_, tag in self.expected.log)
        releases = {record.commit: record for record in found}
        for commit in self.forked.git.run("rev-list", f"{self.first}..{main}").split():
            (file,) = self.forked.changed(commit)
            record = releases.get(commit)
            if record is None:
                assert file.endswith("/hold.yaml")
                continue
            assert file == f"overlays/{record.environment}/{record.service}/kustomization.yaml"
            before = self.forked.git.run("show", f"{commit}^:{file}")
            after = self.forked.git.run("show", f"{commit}:{file}")
            assert with_release(before, record.release) == after


def run(forked: Fork, other: Fork, *, schedules: int, steps: int) -> None:
    """So many schedules of at most so many steps, told as they are: to shrink one takes minutes."""

    class Here(Promotions):
        """On this fork."""

        def __init__(self) -> None:
            super().__init__(forked, other)

    how = settings(
        max_examples=schedules,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate),
    )
    run_state_machine_as_test(Here, settings=how)
