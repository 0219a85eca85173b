"""Trailers by which Argo CD shows, beside a synced commit, the commit that it came from."""

import json

from tidegate.promotion.git import REMOTE, GitError, Repository

_PREFIX = "Argocd-reference-commit-"
_FORMAT = "%H%x00%an <%ae>%x00%aI%x00%s%x00%b"


def reference_lines(repository: Repository, commit: str) -> list[str]:
    """The trailers that name a commit; none where the clone does not have it.

    The body is a JSON string, so that it stays one line.
    """
    try:
        told = repository.run(
            "show", "--no-patch", "--no-show-signature", f"--format={_FORMAT}", commit
        )
        url = repository.run("remote", "get-url", REMOTE).strip()
    except GitError:
        return []
    sha, author, date, subject, body = told.split("\0")
    values = {
        "repourl": _without_password(url),
        "sha": sha,
        "author": author,
        "date": date,
        "subject": subject,
        "body": json.dumps(body.strip()),
    }
    return [f"{_PREFIX}{key}: {value}" for key, value in values.items()]


def _without_password(url: str) -> str:
    """The address without the user and password that a pipeline may have put into it."""
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
