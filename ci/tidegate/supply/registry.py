"""Resolves tags to digests over the registry API (OCI distribution specification 1.1)."""

import hashlib
import re
from collections.abc import Generator, Iterable
from pathlib import Path

import httpx
from ruamel.yaml import YAML

from tidegate.findings import CouldNotCheckError, Finding
from tidegate.oci import INDEX, MANIFEST, write_atomically
from tidegate.supply.images import Image
from tidegate.tls import trusted

_TIMEOUT_SECONDS = 30.0
ACCEPT = (
    f"{INDEX}, {MANIFEST}, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# The name that people use for this registry is not the host that serves it.
_HOSTS = {"docker.io": "registry-1.docker.io"}


class Login(httpx.Auth):
    """Answers a registry's challenge, by a token or a password, as somebody or as nobody."""

    def __init__(self, own: httpx.BasicAuth | None = None) -> None:
        self._own = own

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """The request, and where it is refused, what the challenge asks for and it again.

        The last answer counts, so it is never that of who gives tokens.
        """
        answer = yield request
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status_code != httpx.codes.UNAUTHORIZED:
            return
        if challenge.startswith("Bearer "):
            asked = dict(_CHALLENGE.findall(challenge))
            grant = httpx.Request("GET", asked.pop("realm", ""), params=asked)
            granted = yield (next(self._own.auth_flow(grant)) if self._own else grant)
            if token := _token(granted):
                request.headers["Authorization"] = f"Bearer {token}"
            yield request
        elif self._own:
            yield next(self._own.auth_flow(request))


def _token(granted: httpx.Response) -> str:
    """The token of an answer; empty where it gives none."""
    try:
        granted.read()
        told = granted.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError):
        return ""
    found = (told.get("token") or told.get("access_token")) if isinstance(told, dict) else ""
    return found if isinstance(found, str) else ""


def session(login: Login) -> httpx.Client:
    """A client of registries."""
    return httpx.Client(
        auth=login, timeout=_TIMEOUT_SECONDS, follow_redirects=True, verify=trusted()
    )


def repository_url(repository: str) -> str:
    """Where a registry serves a repository; plain HTTP on loopback alone."""
    host, _, path = repository.partition("/")
    scheme = "http" if host.rpartition(":")[0] in _LOOPBACK or host in _LOOPBACK else "https"
    return f"{scheme}://{_HOSTS.get(host, host)}/v2/{path}"


def manifest_url(image: Image) -> str:
    """Where the registry serves the manifest of an image's tag."""
    return f"{repository_url(image.repository)}/manifests/{image.tag}"


def resolve(client: httpx.Client, image: Image) -> str:
    """The digest that the tag of `image` names now: that of the index for several platforms.

    Raises:
        CouldNotCheckError: the registry does not answer, refuses, or contradicts itself.
    """
    try:
        answer = client.get(manifest_url(image), headers={"Accept": ACCEPT})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unresolved(image, "an answer", str(error) or type(error).__name__) from None
    if answer.status_code != httpx.codes.OK:
        raise _unresolved(image, "the manifest", f"HTTP {answer.status_code}")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    told = answer.headers.get("docker-content-digest", digest)
    if told != digest:
        raise _unresolved(image, f"content of {told}", digest)
    return digest


def _unresolved(image: Image, wanted: str, found: str) -> CouldNotCheckError:
    return CouldNotCheckError(
        [
            Finding(
                image.repository,
                image.name,
                "tag cannot be resolved",
                wanted,
                found,
                "try again where the registry can be reached, or name a mirror with --images",
            )
        ]
    )


def lock(path: Path, images: Iterable[Image]) -> dict[str, str]:
    """Write the digests of `images` into the file at `path`, all or none; returns them by name.

    Raises:
        CouldNotCheckError: one finding for every tag that cannot be resolved; nothing is written.
    """
    findings: list[Finding] = []
    digests: dict[str, str] = {}
    # Nobody's password: the list names registries of many owners.
    with session(Login()) as client:
        for image in images:
            try:
                digests[image.name] = resolve(client, image)
            except CouldNotCheckError as error:
                findings.extend(error.findings)
    if findings:
        raise CouldNotCheckError(findings)
    write_atomically(path, with_digests(path.read_text(encoding="utf-8"), digests).encode())
    return digests


def with_digests(text: str, digests: dict[str, str]) -> str:
    """The text of a list of images with other digests, everything else as it was."""
    entries = YAML(typ="rt").load(text)["spec"]["images"]
    lines = text.splitlines(keepends=True)
    for entry in entries:
        if entry["name"] in digests:
            line, column = entry.lc.value("digest")
            lines[line] = f"{lines[line][:column]}{digests[entry['name']]}\n"
    return "".join(lines)
