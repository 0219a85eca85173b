"""Whatever is promoted and rolled back in whatever order, git stays a straight, provable line."""

from dataclasses import dataclass, field
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.promotion.conftest import ENVIRONMENTS, Fork

from tidegate.findings import FindingsError
from tidegate.promotion.promote import Promotion, Request, rollback

SERVICES = ("generator", "retriever")


@dataclass(frozen=True)
class Action:
    """A promotion or a rollback; the tag counts on dev alone."""

    kind: Literal["promote", "rollback"]
    service: str
    environment: str
    tag: str

    def run(self, forked: Fork) -> Promotion | None:
        """What came of it; None where it was refused."""
        request = Request(self.service, self.environment)
        if self.environment == "dev":
            request = forked.request(self.tag, self.service)
        try:
            if self.kind == "rollback":
                return rollback(forked.git, self.service, self.environment, "slow")
            return forked.promote(request)
        except FindingsError:
            return None


@dataclass
class Expected:
    """What should have happened: the tags that each service ran in each environment, in order."""

    ran: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    bad: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    log: list[tuple[str, str, str, str]] = field(default_factory=list)

    def tags(self, service: str, environment: str) -> list[str]:
        """What a unit ran, the present one last."""
        return self.ran.setdefault((service, environment), [])

    def target(self, action: Action) -> str | None:
        """The tag that the action leads to; None where it must be refused."""
        own = self.tags(action.service, action.environment)
        bad = self.bad.setdefault((action.service, action.environment), set())
        if action.kind == "rollback":
            good = (tag for tag in reversed(own) if tag != own[-1] and tag not in bad)
            return next(good, None)
        rank = ENVIRONMENTS.index(action.environment)
        before = self.tags(action.service, ENVIRONMENTS[rank - 1]) if rank else [action.tag]
        tag = before[-1] if before else None
        withdrawn = tag in bad or tag in own
        return None if withdrawn and tag != own[-1] else tag

    def apply(self, action: Action) -> tuple[str, bool] | None:
        """The tag that runs then and whether that takes a commit; None for a refusal."""
        tag = self.target(action)
        own = self.tags(action.service, action.environment)
        if tag is None:
            return None
        commits = own[-1:] != [tag]
        if commits and action.kind == "rollback":
            self.bad[action.service, action.environment].add(own[-1])
        if commits:
            own.append(tag)
            self.log.append((action.kind, action.service, action.environment, tag))
        return tag, commits


actions = st.builds(
    Action,
    st.sampled_from(["promote", "promote", "rollback"]),
    st.sampled_from(SERVICES),
    st.sampled_from(ENVIRONMENTS),
    st.sampled_from(["v1", "v2", "v3"]),
)


@given(st.lists(actions, min_size=3, max_size=9))
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_of_promotions_and_rollbacks_is_a_provable_line(
    forked: Fork, sequence: list[Action]
) -> None:
    """Every outcome is the expected one, and the history alone tells of each of them."""
    start = forked.remote.run("rev-list", "--max-parents=0", "main").strip()
    forked.remote.run("update-ref", "refs/heads/main", start)
    forked.git.run("fetch", "--quiet")
    forked.git.run("reset", "--quiet", "--hard", "origin/main")
    expected = Expected()

    for action in sequence:
        wanted = expected.apply(action)
        done = action.run(forked)
        assert wanted == (done and (done.release.engine.tag, done.commit is not None))

    found = list(reversed(forked.records()))
    told = [(r.action, r.service, r.environment, r.release.engine.tag) for r in found]
    assert told == expected.log
    assert [record.commit for record in found] == line_of(forked)
    for name, standing in forked.standings().items():
        environment, service = name.split("/")
        release = standing.unit.release
        assert ([release.engine.tag] if release else []) == expected.tags(service, environment)[-1:]
        assert standing.state == ("proven" if release else "never promoted")


def line_of(forked: Fork) -> list[str]:
    """The commits of main after the first, oldest first, each of one file and one parent."""
    lines = forked.remote.run("rev-list", "--reverse", "--parents", "main").splitlines()
    commits = [line.split() for line in lines]
    assert [parents for _, *parents in commits[1:]] == [[one[0]] for one in commits[:-1]]
    assert all(len(forked.changed(commit)) == 1 for commit, *_ in commits[1:])
    return [commit for commit, *_ in commits[1:]]
