"""MLflow's model registry by its REST API: the eight calls that are needed, and what they answer.

The API is `api/2.0/mlflow` of MLflow 2.3 and later, whose answers hold more than is read here.
MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, are sent along, as
MLflow's own client does.
"""

import os
import random
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tidegate.findings import CouldNotCheckError, cannot_check
from tidegate.tls import trusted

_TIMEOUT_SECONDS = 30.0
_PAGE = 200
_READINGS = 8
_ABSENT, _PRESENT = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
# What MLflow makes of its database's errors, where another writer has the row or the file.
_IN_THE_WAY = ("BAD_REQUEST", "TEMPORARILY_UNAVAILABLE")
_WRITES = 4
_PAUSE_SECONDS = 0.2
_UNAUTHORISED = {401, 403}
_RETRY = "see that it is up, and run it again"


class _Read(BaseModel):
    """What is read of an answer; a field of another type is an answer of something else."""

    model_config = ConfigDict(strict=True, frozen=True)


Number = Annotated[str, Field(pattern=r"^[0-9]+$")]


class Tag(_Read):
    """A tag of a model version."""

    key: str
    value: str = ""


class ModelVersion(_Read):
    """A version of a registered model."""

    version: Number
    tags: tuple[Tag, ...] = ()

    @property
    def tagged(self) -> dict[str, str]:
        """Its tags by key."""
        return {tag.key: tag.value for tag in self.tags}


class Alias(_Read):
    """A name that stands for one version of a registered model."""

    alias: str
    version: Number


class _Registered(_Read):
    aliases: tuple[Alias, ...] = ()


class _RegisteredAnswer(_Read):
    registered_model: _Registered


class _VersionAnswer(_Read):
    model_version: ModelVersion


class _Page(_Read):
    model_versions: tuple[ModelVersion, ...] = ()
    next_page_token: str = ""


class _Refusal(_Read):
    error_code: str
    message: str = ""


T = TypeVar("T", bound=BaseModel)


class ModelRegistry:
    """One MLflow server; raises CouldNotCheckError where it does not answer as it should."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.name = _without_password(self.url)
        self._client = httpx.Client(timeout=_TIMEOUT_SECONDS, verify=trusted())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def aliases(self, model: str) -> dict[str, str] | None:
        """The version of each alias of a registered model; None where there is no such model."""
        answer = self._read(_RegisteredAnswer, "GET", "registered-models/get", name=model)
        if answer is None:
            return None
        return {one.alias: one.version for one in answer.registered_model.aliases}

    def versions(self, model: str) -> list[ModelVersion]:
        """All versions of a registered model, the oldest first.

        Pages are counted off, so one that somebody deletes meanwhile hides another: what is longer
        than a page is read until it stays the same.
        """
        found, pages = self._listed(model)
        for _ in range(_READINGS):
            before = found
            if pages > 1:
                found, pages = self._listed(model)
            if found == before:
                return sorted(found, key=lambda one: int(one.version))
        path = "model-versions/search"
        raise self._fault(path, "a list that stays the same", f"{_READINGS} different ones")

    def _listed(self, model: str) -> tuple[list[ModelVersion], int]:
        """The versions as they come, and on how many pages."""
        found: list[ModelVersion] = []
        token, pages = "", 0
        while token or not pages:
            query = {"filter": f"name='{model}'", "max_results": f"{_PAGE}", "page_token": token}
            page = self._read(_Page, "GET", "model-versions/search", **query) or _Page()
            found += page.model_versions
            token, pages = page.next_page_token, pages + 1
            if not page.model_versions:
                break
        return found, pages

    def create_model(self, model: str) -> None:
        """Register a model of this name, unless somebody else just did."""
        self._call("POST", "registered-models/create", unless=_PRESENT, name=model)

    def create_version(self, model: str, source: str, tags: Mapping[str, str]) -> str:
        """Add a version; returns its number."""
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        told = {"name": model, "source": source, "tags": listed}
        answer = self._read(_VersionAnswer, "POST", "model-versions/create", **told)
        if answer is None:
            raise self._fault("model-versions/create", f"the model {model}", "no such model")
        return answer.model_version.version

    def delete_version(self, model: str, version: str) -> None:
        """Delete a version, unless somebody else just did."""
        told = {"name": model, "version": version}
        self._call("DELETE", "model-versions/delete", unless=_ABSENT, **told)

    def tag(self, model: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        told = {"name": model, "version": version, "key": key, "value": value}
        self._call("POST", "model-versions/set-tag", **told)

    def point(self, model: str, alias: str, version: str) -> None:
        """Let an alias stand for a version."""
        self._call("POST", "registered-models/alias", name=model, alias=alias, version=version)

    def unpoint(self, model: str, alias: str) -> None:
        """Delete an alias."""
        self._call("DELETE", "registered-models/alias", name=model, alias=alias)

    def _read(self, kind: type[T], method: str, path: str, **told: Any) -> T | None:  # noqa: ANN401 - JSON
        """An answer as what it must be; None where the registry has no such thing."""
        answer = self._answer(method, path, told)
        if _refused(answer, _ABSENT):
            return None
        try:
            return kind.model_validate_json(self._accepted(path, answer).content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the answer"
            raise self._fault(path, "an answer of MLflow", f"{where}: {first['msg']}") from None

    def _call(self, method: str, path: str, *, unless: str = "", **told: str) -> None:
        """Write what may be written twice; a refusal by the code `unless` says that it is so."""
        answer = self._answer(method, path, told)
        for _ in range(_WRITES - 1):
            if _refused(answer, *_IN_THE_WAY):
                time.sleep(random.uniform(1, 2) * _PAUSE_SECONDS)  # noqa: S311 - jitter
                answer = self._answer(method, path, told)
        if not (unless and _refused(answer, unless)):
            self._accepted(path, answer)

    def _answer(self, method: str, path: str, told: Mapping[str, Any]) -> httpx.Response:
        reading = method == "GET"
        try:
            return self._client.request(
                method,
                f"{self.url}/api/2.0/mlflow/{path}",
                headers=_authorization(),
                params=told if reading else None,
                json=None if reading else told,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._fault(path, "an answer", str(error) or type(error).__name__) from None

    def _accepted(self, path: str, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        if answer.status_code in _UNAUTHORISED:
            raise self._fault(
                path,
                "to be let in",
                f"HTTP {answer.status_code}",
                "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD",
            )
        found = f"HTTP {answer.status_code} {_refusal(answer)}"
        raise self._fault(path, "HTTP 200", found.strip())

    def _fault(
        self,
        path: str,
        wanted: str,
        found: str,
        next_step: str = _RETRY,
    ) -> CouldNotCheckError:
        return cannot_check(
            self.name,
            path,
            "model registry does not answer",
            wanted=wanted,
            found=" ".join(found.split()),
            next_step=f"{next_step}; git is not changed, and no promotion waits for it",
        )


def _refused(answer: httpx.Response, *codes: str) -> bool:
    return not answer.is_success and _refusal(answer).partition(":")[0] in codes


def _refusal(answer: httpx.Response) -> str:
    """MLflow's code and text of a refusal; empty where something else refused."""
    try:
        told = _Refusal.model_validate_json(answer.content)
    except ValidationError:
        return ""
    return f"{told.error_code}: {told.message}"


def _authorization() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user:
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    return {}


def _without_password(url: str) -> str:
    """The address without what may have been put before its host."""
    scheme, found, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found else url
