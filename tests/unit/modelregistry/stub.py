"""A model registry on loopback that answers the calls that are made as MLflow 3.17 does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Barrier, Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import listening

Told = dict[str, Any]


class RefusedError(Exception):
    """A call that MLflow refuses, by its code."""


@dataclass
class Model:
    """A registered model: tags of each version by number, and versions by alias."""

    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def add(self, tags: dict[str, str], source: str = "runs:/1") -> str:
        """A version more; numbers are never given twice."""
        self.made += 1
        self.versions[f"{self.made}"] = dict(tags)
        self.sources[f"{self.made}"] = source
        return f"{self.made}"


@dataclass
class Registry:
    """What the stub holds, what it was asked, and what it answers instead, if anything."""

    url: str = ""
    models: dict[str, Model] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    instead: tuple[int, bytes] | None = None
    page: int = 1
    """Versions on a page."""
    together: dict[str, Barrier] = field(default_factory=dict)
    """Callers of these calls wait for each other, first before and then after they are answered."""
    lock: Lock = field(default_factory=Lock)

    def model(self, name: str) -> Model:
        """A registered model; refused where there is none."""
        if name not in self.models:
            raise RefusedError("RESOURCE_DOES_NOT_EXIST", f"Registered Model with name={name}")
        return self.models[name]

    def get(self, told: Told) -> Told:
        """A model with its aliases; MLflow leaves out what is empty."""
        model = self.model(told["name"])
        aliases = [{"alias": key, "version": value} for key, value in model.aliases.items()]
        return {
            "registered_model": {"name": told["name"]} | ({"aliases": aliases} if aliases else {})
        }

    def search(self, told: Told) -> Told:
        """A page of versions, the newest first."""
        name = told["filter"].removeprefix("name='").removesuffix("'")
        found = list(self.models.get(name, Model()).versions.items())[::-1]
        start = int(told.get("page_token") or 0)
        more = start + self.page < len(found)
        return {"model_versions": [version(*one) for one in found[start : start + self.page]]} | (
            {"next_page_token": f"{start + self.page}"} if more else {}
        )

    def create(self, told: Told) -> Told:
        """A model more."""
        if told["name"] in self.models:
            raise RefusedError("RESOURCE_ALREADY_EXISTS", told["name"])
        self.models[told["name"]] = Model()
        return {"registered_model": {"name": told["name"]}}

    def create_version(self, told: Told) -> Told:
        """A version more; a source without a scheme is a path, and none of a run."""
        if "://" not in told["source"]:
            raise RefusedError("INVALID_PARAMETER_VALUE", f"Invalid source: {told['source']}")
        tags = {one["key"]: one["value"] for one in told["tags"]}
        number = self.model(told["name"]).add(tags, told["source"])
        return {"model_version": version(number, tags)}

    def delete_version(self, told: Told) -> Told:
        """A version less, and the aliases that stood for it."""
        model = self.model(told["name"])
        if model.versions.pop(told["version"], None) is None:
            raise RefusedError("RESOURCE_DOES_NOT_EXIST", f"Model Version {told['version']}")
        kept = {name: at for name, at in model.aliases.items() if at != told["version"]}
        model.aliases = kept
        return {}

    def set_tag(self, told: Told) -> Told:
        """A tag of a version."""
        self.model(told["name"]).versions[told["version"]][told["key"]] = told["value"]
        return {}

    def point(self, told: Told) -> Told:
        """An alias for a version that there is."""
        model = self.model(told["name"])
        if told["version"] not in model.versions:
            raise RefusedError("RESOURCE_DOES_NOT_EXIST", f"Model Version {told['version']}")
        model.aliases[told["alias"]] = told["version"]
        return {}

    def unpoint(self, told: Told) -> Told:
        """An alias less; there need not be one."""
        self.model(told["name"]).aliases.pop(told["alias"], None)
        return {}


def version(number: str, tags: dict[str, str]) -> Told:
    """A version as MLflow writes it, with much that nobody reads."""
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    return {"version": number, "current_stage": "None", "status": "READY"} | (
        {"tags": listed} if listed else {}
    )


Answer = Callable[[Registry, Told], Told]
ANSWERS: dict[tuple[str, str], Answer] = {
    ("GET", "registered-models/get"): Registry.get,
    ("GET", "model-versions/search"): Registry.search,
    ("POST", "registered-models/create"): Registry.create,
    ("POST", "model-versions/create"): Registry.create_version,
    ("DELETE", "model-versions/delete"): Registry.delete_version,
    ("POST", "model-versions/set-tag"): Registry.set_tag,
    ("POST", "registered-models/alias"): Registry.point,
    ("DELETE", "registered-models/alias"): Registry.unpoint,
}


class Handler(BaseHTTPRequestHandler):
    """Answers for a registry."""

    registry: Registry

    def _answer(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = json.loads(body) if body else {k: v[0] for k, v in parse_qs(split.query).items()}
        name = split.path.removeprefix("/api/2.0/mlflow/")
        self.registry.headers = {key.lower(): value for key, value in self.headers.items()}
        if self.command != "GET":
            self.registry.writes.append(name)
        barrier = self.registry.together.get(name, Barrier(1))
        barrier.wait()
        with self.registry.lock:
            status, answer = self.registry.instead or self._of(name, told)
        barrier.wait()
        self.send_response(status)
        self.send_header("Content-Length", f"{len(answer)}")
        self.end_headers()
        self.wfile.write(answer)

    def _of(self, name: str, told: Told) -> tuple[int, bytes]:
        try:
            return 200, json.dumps(ANSWERS[self.command, name](self.registry, told)).encode()
        except RefusedError as refused:
            code, message = refused.args
            status = 404 if code == "RESOURCE_DOES_NOT_EXIST" else 400
            return status, json.dumps({"error_code": code, "message": message}).encode()

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Registry]:
    """An empty registry on loopback."""
    registry = Registry()
    handler = type("Own", (Handler,), {"registry": registry})
    with listening(handler) as port:
        registry.url = f"http://127.0.0.1:{port}"
        yield registry
