"""What the registry should hold by git, and the steps from what it holds to that.

Each release of a service is a version of the registered model of the service's name, told by the
digests in its tags; each environment is an alias of the version that runs there by a promotion on
record. What carries no tag of Tidegate, and every other alias, is somebody else's and stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.findings import Finding
from tidegate.manifests.release import Release
from tidegate.modelregistry.mlflow import ModelRegistry, ModelVersion
from tidegate.promotion.history import Record, Standing

PREFIX = "tidegate."
ENGINE, MODEL = f"{PREFIX}engine", f"{PREFIX}model"
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One service by git: its releases with their tags, the oldest first, and what runs where."""

    service: str
    releases: dict[Release, dict[str, str]]
    runs: dict[str, Release | None]
    """By environment; None where no promotion on record put there what runs."""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference between git and the registry, or what was done about it."""

    object: str
    """`<service>`, `<service>/<release>` or `<service>@<environment>`."""
    what: str
    wanted: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """The change as JSON-ready data."""
        return {key: getattr(self, key) for key in self.__slots__}

    @property
    def line(self) -> str:
        """The change in a line, once it is made."""
        return f"{self.object}: {self.what}: {self.found} -> {self.wanted}"

    def finding(self, url: str) -> Finding:
        """The change as drift that nobody mended yet."""
        step = "mend it with `tidegate registry reconcile`"
        return Finding(url, self.object, f"{self.what} differs", self.wanted, self.found, step)


def wanted_by_git(standings: Sequence[Standing], found: Sequence[Record]) -> list[Wanted]:
    """What git says of each service that was ever promoted, by name.

    Args:
        standings: what runs where.
        found: all records, newest first.
    """
    services = sorted({record.service for record in found})
    return [
        Wanted(
            service,
            _releases([record for record in found if record.service == service]),
            {
                one.unit.environment.metadata.name: one.record.release if one.record else None
                for one in standings
                if one.unit.service.metadata.name == service
            },
        )
        for service in services
    ]


def _releases(own: list[Record]) -> dict[Release, dict[str, str]]:
    """Tags of each release, by its newest record; releases in the order of their first one."""
    tags: dict[Release, dict[str, str]] = {}
    for record in reversed(own):
        told = {
            ENGINE: str(record.release.engine),
            MODEL: str(record.release.model),
            f"{PREFIX}release": str(record.release),
            f"{PREFIX}version": record.version,
            f"{PREFIX}evidence": record.evidence,
            f"{PREFIX}gates": record.gates,
            f"{PREFIX}commit": record.commit,
        }
        tags[record.release] = {key: value for key, value in told.items() if value}
    return tags


def reconcile(
    registry: ModelRegistry, wanted: Sequence[Wanted], *, check: bool = False
) -> list[Change]:
    """Make the registry say what git says; the changes, none where it says so already.

    Args:
        registry: the registry.
        wanted: what it should hold.
        check: change nothing.

    Raises:
        CouldNotCheckError: it does not answer; what was changed before stays, and is right.
    """
    return [change for one in wanted for change in _reconcile(registry, one, check=check)]


def _reconcile(registry: ModelRegistry, wanted: Wanted, *, check: bool) -> Iterator[Change]:
    service = wanted.service
    aliases = registry.aliases(service)
    if aliases is None:
        if not check:
            registry.create_model(service)
        yield Change(service, "registered model", service, _NOTHING)
    numbers: dict[Release, str] = {}
    held = _held(registry.versions(service)) if aliases is not None else {}
    for release, tags in wanted.releases.items():
        version = held.get((tags[ENGINE], tags[MODEL]))
        if version is None:
            numbers[release] = "new" if check else _create(registry, service, tags)
            yield Change(f"{service}/{release}", "version", numbers[release], _NOTHING)
        else:
            numbers[release] = version.version
            yield from _retag(registry, service, version, tags, check=check)
    for environment, running in wanted.runs.items():
        number = numbers[running] if running is not None else None
        found = (aliases or {}).get(environment)
        if number != found:
            if not check:
                _point(registry, service, environment, number)
            unit = f"{service}@{environment}"
            yield Change(unit, "alias", number or _NOTHING, found or _NOTHING)


def _held(versions: list[ModelVersion]) -> dict[tuple[str, str], ModelVersion]:
    """Versions by the digests that they are tagged with; of two alike, the older."""
    found: dict[tuple[str, str], ModelVersion] = {}
    for one in versions:
        found.setdefault((one.tagged.get(ENGINE, ""), one.tagged.get(MODEL, "")), one)
    return found


def _create(registry: ModelRegistry, service: str, tags: dict[str, str]) -> str:
    """A version whose source is the model artifact; MLflow asks for an address with a scheme."""
    return registry.create_version(service, f"oci://{tags[MODEL]}", tags)


def _retag(
    registry: ModelRegistry,
    service: str,
    version: ModelVersion,
    tags: dict[str, str],
    *,
    check: bool,
) -> Iterator[Change]:
    for key, value in tags.items():
        found = version.tagged.get(key, _NOTHING)
        if found != value:
            if not check:
                registry.tag(service, version.version, key, value)
            yield Change(f"{service}/{tags[f'{PREFIX}release']}", f"tag {key}", value, found)


def _point(registry: ModelRegistry, service: str, environment: str, number: str | None) -> None:
    if number is None:
        registry.unpoint(service, environment)
    else:
        registry.point(service, environment, number)
