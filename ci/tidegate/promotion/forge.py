"""Opens a pull request for a promotion's branch on GitHub, GitLab or Gitea.

One small interface: the addresses and field names differ, the steps do not. Asking twice gives the
request that is open already. A fork without a forge has its branch and nothing more.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlsplit

import httpx

from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.promotion.git import BRANCH, REMOTE, GitError, Repository
from tidegate.tls import trusted

_TIMEOUT_SECONDS = 30.0


class ForgeKind(StrEnum):
    """The forges whose interface is known."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a forge spells one pull request."""

    path: Callable[[str], str]
    """From `owner/name` to the address of its requests, below the interface's root."""
    root: Callable[[str], str]
    """From the forge's address to its interface's root."""
    headers: Callable[[str], dict[str, str]]
    fields: tuple[str, str, str]
    """Source branch, target branch and text."""
    list_query: Callable[[str, str], dict[str, str]]
    """From owner and branch to the query that lists open requests."""
    link: str


def _github_root(address: str) -> str:
    return "https://api.github.com" if address == "https://github.com" else f"{address}/api/v3"


_DIALECTS = {
    ForgeKind.GITHUB: _Dialect(
        path=lambda name: f"/repos/{name}/pulls",
        root=_github_root,
        headers=lambda token: {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
        },
        fields=("head", "base", "body"),
        list_query=lambda owner, branch: {"state": "open", "head": f"{owner}:{branch}"},
        link="html_url",
    ),
    ForgeKind.GITLAB: _Dialect(
        path=lambda name: f"/projects/{quote(name, safe='')}/merge_requests",
        root=lambda address: f"{address}/api/v4",
        headers=lambda token: {"PRIVATE-TOKEN": token},
        fields=("source_branch", "target_branch", "description"),
        list_query=lambda _, branch: {"state": "opened", "source_branch": branch},
        link="web_url",
    ),
    ForgeKind.GITEA: _Dialect(
        path=lambda name: f"/repos/{name}/pulls",
        root=lambda address: f"{address}/api/v1",
        headers=lambda token: {"Authorization": f"token {token}"},
        fields=("head", "base", "body"),
        list_query=lambda _, __: {"state": "open", "limit": "50"},
        link="html_url",
    ),
}


@dataclass(frozen=True, slots=True)
class Forge:
    """A repository on a forge, and the token that may open requests there."""

    kind: ForgeKind
    address: str
    name: str
    token: str

    def open(self, branch: str, title: str, text: str) -> str:
        """The address of the pull request for a branch, opened if there is none yet.

        Raises:
            CouldNotCheckError: the forge refuses or cannot be reached; the branch stays.
        """
        dialect = _DIALECTS[self.kind]
        source, target, body = dialect.fields
        wanted = {source: branch, target: BRANCH, body: text, "title": title}
        try:
            with httpx.Client(
                base_url=dialect.root(self.address),
                headers=dialect.headers(self.token),
                timeout=_TIMEOUT_SECONDS,
                verify=trusted(),
            ) as client:
                path = dialect.path(self.name)
                query = dialect.list_query(self.name.partition("/")[0], branch)
                listed = client.get(path, params=query).raise_for_status().json()
                found = next((one for one in listed if _branch_of(one) == branch), None)
                made = found or client.post(path, json=wanted).raise_for_status().json()
                return str(made[dialect.link])
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise self._fault(branch, error) from None

    def _fault(self, branch: str, error: Exception) -> CouldNotCheckError:
        found = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
        return cannot_check(
            self.address,
            branch,
            "no pull request",
            wanted=f"an answer of {self.kind}",
            found=found.replace(self.token, "***"),
            next_step="open it by hand, or correct TIDEGATE_FORGE_TOKEN and run it again",
        )


def _branch_of(request: Mapping[str, object]) -> object:
    """The source branch, as GitLab or as the other two write it."""
    head = request.get("head")
    return head.get("ref") if isinstance(head, dict) else request.get("source_branch")


def forge_of(repository: Repository) -> Forge | None:
    """The forge of a clone's remote; None where there is none or no token.

    TIDEGATE_FORGE names its kind where the host does not tell, TIDEGATE_FORGE_URL its address
    where git uses another, TIDEGATE_FORGE_TOKEN the token.
    """
    token = os.environ.get("TIDEGATE_FORGE_TOKEN", "")
    try:
        host, name = _parts(repository.run("remote", "get-url", REMOTE).strip())
    except GitError:
        return None
    kind = os.environ.get("TIDEGATE_FORGE") or next((k for k in ForgeKind if k in host), None)
    if not (token and host and kind):
        return None
    address = os.environ.get("TIDEGATE_FORGE_URL") or f"https://{host}"
    return Forge(ForgeKind(kind), address.rstrip("/"), name, token)


def _parts(url: str) -> tuple[str, str]:
    """Host and `owner/name` of an https, ssh or scp-like address; no host for a path."""
    if "://" not in url and ":" in url:
        user_host, _, path = url.partition(":")
        url = f"ssh://{user_host}/{path}"
    split = urlsplit(url)
    return split.hostname or "", split.path.strip("/").removesuffix(".git")
