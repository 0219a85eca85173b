"""What the files here change in the clusters, compared with a commit: in words, and in money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.catalog.load import Catalog, load_valid
from tidegate.findings import Finding, FindingsError, TidegateError
from tidegate.manifests.checks import read_manifests
from tidegate.policy.costs import Cost, cost_table, costs
from tidegate.policy.difference import Change, differences, markdown
from tidegate.policy.repository import find_scopes
from tidegate.policy.scope import Scope
from tidegate.promotion.git import GitError, Repository


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two states of the repository."""

    changes: Sequence[Change]
    before: Mapping[str, Cost]
    after: Mapping[str, Cost]

    @property
    def markdown(self) -> str:
        """Both answers as parts of a comment on a pull request."""
        costs = cost_table(self.before, self.after)
        return f"## What changes\n\n{markdown(self.changes)}\n\n## What it costs\n\n{costs}\n"


def compare(root: Path, ref: str) -> Comparison:
    """The files of `root` compared with the commit where they left `ref`.

    Raises:
        CouldNotCheckError: git does not know the commit, or a catalog is invalid.
        FindingsError: a part of either state does not render, so it would be missing.
    """
    after, catalog, repository = _scopes(root), load_valid(root), Repository(root)
    try:
        with repository.worktree(repository.run("merge-base", ref, "HEAD").strip()) as tree:
            before, old = _scopes(tree), load_valid(tree)
            was = costs(before, clusters(old))
    except GitError as error:
        raise repository.fault(
            "no such commit", error, "name a commit, a branch or a tag"
        ) from None
    now = clusters(catalog)
    return Comparison(differences(before, after, now), was, costs(after, now))


def told(root: Path, ref: str) -> str:
    """`compare` as a part of a comment; where it cannot be told, what stands in the way."""
    try:
        return compare(root, ref).markdown
    except TidegateError as error:
        return untold(error.findings)


def untold(findings: Iterable[Finding]) -> str:
    """The part of a comment that says why there is no comparison."""
    lines = "\n".join(f"- {finding}" for finding in findings)
    return f"## What changes\n\nThis cannot be told:\n\n{lines}\n"


def _scopes(root: Path) -> list[Scope]:
    found = read_manifests(root)
    missing = [*found.findings, *found.unread, *found.unrendered]
    if missing:
        raise FindingsError(missing)
    return find_scopes(found)


def clusters(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The names of each environment's clusters."""
    found: dict[str, tuple[str, ...]] = {}
    for name, cluster in sorted(catalog.clusters.items()):
        found[cluster.spec.environment] = (*found.get(cluster.spec.environment, ()), name)
    return found
