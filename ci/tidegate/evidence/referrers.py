"""Evidence next to its image in a registry, by the referrers of the OCI distribution spec 1.1.

A registry lists each manifest whose `subject` is an artifact. Where it does not know of this, the
list is an index under the tag `sha256-<digest>`, as the specification says. What is pulled is
checked against its digest, and believed no more than what was in the store already.
"""

import hashlib
import json
import os
import random
import time
from collections.abc import Iterator

import httpx

from tidegate.evidence.trust import BUNDLE
from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.manifests.release import Release
from tidegate.oci import DIGEST, INDEX, MANIFEST, Descriptor, Layout, Reference, canonical_json
from tidegate.supply.registry import ACCEPT, Login, repository_url, session

_NOT_FOUND = 404
# More than anybody takes between reading a list and writing it.
_PAUSE_SECONDS = 0.5
_WRITES = 8


def push(layout: Layout, release: Release) -> list[str]:
    """Put the evidence of a release next to its artifacts; the digests that were not there yet.

    Raises:
        CouldNotCheckError: a registry does not answer as one, or refuses; what is there stays.
    """
    with _client() as client:
        return [
            digest
            for reference in (release.engine, release.model)
            for digest in _Place(client, reference).push(layout)
        ]


def pull(layout: Layout, release: Release, *, with_model: bool = False) -> list[str]:
    """Fetch the evidence of a release, and the manifests it is about; the digests that are new.

    Args:
        layout: the store.
        release: whose evidence.
        with_model: fetch the packed model too, whose files a signature is about.

    Raises:
        CouldNotCheckError: a registry does not answer as one, refuses, or sends something else.
    """
    with _client() as client:
        engine, model = (_Place(client, one) for one in (release.engine, release.model))
        new = [digest for place in (engine, model) for digest in place.pull(layout)]
        return [*new, *model.pull_parts(layout)] if with_model else new


def _client() -> httpx.Client:
    """As the user of TIDEGATE_REGISTRY_USER, if one is named."""
    user = os.environ.get("TIDEGATE_REGISTRY_USER")
    password = os.environ.get("TIDEGATE_REGISTRY_PASSWORD", "")
    return session(Login(httpx.BasicAuth(user, password) if user else None))


class _Place:
    """The repository of an artifact, and what refers to it there."""

    def __init__(self, client: httpx.Client, reference: Reference) -> None:
        self.client, self.reference = client, reference
        self.base = repository_url(reference.name)
        self.tag = reference.digest.replace(":", "-")

    def push(self, layout: Layout) -> list[str]:
        """Push what is not listed yet."""
        there = {one["digest"] for one in self._listed()}
        found = layout.referrers(self.reference.digest, BUNDLE)
        new = [digest for digest in found if digest not in there]
        unlisted = [entry for digest in new for entry in self._push_manifest(layout, digest)]
        if unlisted:
            self._list_by_tag(unlisted)
        return new

    def pull(self, layout: Layout) -> Iterator[str]:
        """Pull what the store does not hold yet."""
        known = {one["digest"] for one in layout.manifests()}
        if self.reference.digest not in known:
            try:
                layout.adopt(self._content(f"manifests/{self.reference.digest}"))
            except (AttributeError, ValueError) as error:
                raise self._fault(self.reference.digest, "a manifest", str(error)) from None
        for one in self._listed():
            digest = one["digest"]
            if digest in known or one.get("artifactType") != BUNDLE:
                continue
            content = self._content(f"manifests/{digest}")
            for part in self._parts(digest, content):
                layout.add_blob(self._content(f"blobs/{part}"), BUNDLE)
            layout.adopt(content)
            yield digest

    def pull_parts(self, layout: Layout) -> Iterator[str]:
        """Pull what the artifact itself consists of, in pieces: weights do not fit into memory."""
        for digest in self._parts(self.reference.digest, layout.read(self.reference.digest)):
            if layout.has(digest):
                continue
            url, path = f"{self.base}/blobs/{digest}", f"blobs/{digest}"
            try:
                with self.client.stream("GET", url) as answer:
                    if not answer.is_success:
                        raise self._fault(path, "an answer of 200", f"HTTP {answer.status_code}")
                    found = layout.add_pieces(answer.iter_bytes(), digest)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._fault(path, "an answer", str(error) or type(error).__name__) from None
            if found != digest:
                raise self._fault(path, digest, found)
            yield digest

    def _listed(self) -> list[Descriptor]:
        """What refers to the artifact, as the registry or the tag lists it."""
        path = f"referrers/{self.reference.digest}"
        answer = self._ask("GET", path, none=True)
        if answer.status_code == _NOT_FOUND:
            return self._tagged()
        found = self._manifests(answer)
        while "next" in answer.links:
            answer = self._ask("GET", str(answer.url.join(answer.links["next"]["url"])))
            found += self._manifests(answer)
        return found

    def _manifests(self, answer: httpx.Response) -> list[Descriptor]:
        """The descriptors of an index."""
        try:
            listed = answer.json()["manifests"]
            if listed is None:  # how registries in Go write an empty list
                return []
            return [one for one in listed if DIGEST.fullmatch(one["digest"])]
        except (KeyError, TypeError, ValueError):
            raise self._fault(answer.url.path, "an index of manifests", "something else") from None

    def _parts(self, digest: str, content: bytes) -> list[str]:
        """The digests of what a manifest consists of."""
        try:
            manifest = json.loads(content)
            return [str(part["digest"]) for part in (manifest["config"], *manifest["layers"])]
        except (KeyError, TypeError, ValueError):
            raise self._fault(digest, "a manifest with layers", "something else") from None

    def _push_manifest(self, layout: Layout, digest: str) -> Iterator[Descriptor]:
        """Push a manifest and its parts; its descriptor, if the registry will not list it."""
        manifest = layout.manifest(digest)
        for part in (manifest["config"], *manifest["layers"]):
            self._push_blob(part["digest"], layout.read(part["digest"]))
        content = layout.read(digest)
        answer = self._ask("PUT", f"manifests/{digest}", content, kind=MANIFEST)
        if "oci-subject" not in answer.headers:
            entry = {"mediaType": MANIFEST, "digest": digest, "size": len(content)}
            told = manifest.get("annotations", {})
            yield entry | {"artifactType": BUNDLE, "annotations": told}

    def _list_by_tag(self, own: list[Descriptor]) -> None:
        """Put manifests on the list under the tag, until they are seen to have stayed there.

        Nothing keeps two writers apart, and the last one wins: so each looks again after a pause
        in which whoever read the list before has written it.
        """
        for _ in range(_WRITES):
            listed = self._tagged()
            missing = _without(listed, own)
            if not missing:
                return
            index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *missing]}
            self._ask("PUT", f"manifests/{self.tag}", canonical_json(index), kind=INDEX)
            time.sleep(random.uniform(1, 2) * _PAUSE_SECONDS)  # noqa: S311 - jitter
        if missing := _without(self._tagged(), own):
            raise cannot_check(
                self.reference.name,
                self.tag,
                "evidence is not on the list",
                wanted=f"{len(own)} of ours",
                found=f"{len(missing)} missing after {_WRITES} writes",
                next_step="push it again once nobody else does",
            )

    def _tagged(self) -> list[Descriptor]:
        """The list under the tag; empty where there is none."""
        answer = self._ask("GET", f"manifests/{self.tag}", kind=INDEX, none=True)
        return self._manifests(answer) if answer.is_success else []

    def _push_blob(self, digest: str, content: bytes) -> None:
        if self._ask("HEAD", f"blobs/{digest}", none=True).is_success:
            return
        begun = self._ask("POST", "blobs/uploads/")
        where = begun.url.join(begun.headers.get("location", "")).copy_merge_params(
            {"digest": digest}
        )
        self._ask("PUT", str(where), content, kind="application/octet-stream")

    def _content(self, path: str) -> bytes:
        """What a digest names; raises CouldNotCheckError for anything else."""
        content = self._ask("GET", path, kind=ACCEPT).content
        wanted = path.rpartition("/")[2]
        found = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if found != wanted:
            raise self._fault(path, wanted, found)
        return content

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        kind: str = INDEX,
        none: bool = False,
    ) -> httpx.Response:
        """An answer that is a success, or 404 where `none` allows for it."""
        url = path if "://" in path else f"{self.base}/{path}"
        headers = {"Accept": kind} if content is None else {"Content-Type": kind}
        try:
            answer = self.client.request(method, url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, AttributeError, ValueError) as error:
            raise self._fault(path, "an answer", str(error) or type(error).__name__) from None
        if answer.is_success or (none and answer.status_code == _NOT_FOUND):
            return answer
        raise self._fault(path, "an answer of 200", f"HTTP {answer.status_code}")

    def _fault(self, path: str, wanted: str, found: str) -> CouldNotCheckError:
        return cannot_check(
            self.reference.name,
            path.partition("?")[0],
            "registry does not answer as one",
            wanted=wanted,
            found=" ".join(found.split()),
            next_step="see that it is up and who may use it: TIDEGATE_REGISTRY_USER and _PASSWORD",
        )


def _without(listed: list[Descriptor], own: list[Descriptor]) -> list[Descriptor]:
    """What is not on a list."""
    there = {one["digest"] for one in listed}
    return [one for one in own if one["digest"] not in there]
