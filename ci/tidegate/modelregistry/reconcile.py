"""What the registry should hold by git, and the steps from what it holds to that.

Each release of a service is a version of the registered model of the service's name, told by the
digests in its tags; each environment is an alias of the version that runs there by a promotion on
record. What carries no tag of Tidegate, and every other alias, is somebody else's and stays.
"""

from collections.abc import Iterator, Mapping, Sequence
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
    held = _held(registry.versions(service)) if aliases is not None else {}
    missing = {r: tags for r, tags in wanted.releases.items() if _identity(tags) not in held}
    for release, tags in missing.items():
        number = "new" if check else _create(registry, service, tags)
        yield Change(f"{service}/{release}", "version", number, _NOTHING)
    if missing and not check:
        held = _held(registry.versions(service))  # another run may have made them too
    numbers = dict.fromkeys(wanted.releases, "new")
    for release, tags in wanted.releases.items():
        if found := held.get(_identity(tags)):
            numbers[release] = found[0].version
            yield from _merge(registry, wanted, release, found, aliases or {}, check=check)
            yield from _retag(registry, service, found[0], tags, check=check)
    yield from _realias(registry, wanted, numbers, aliases or {}, check=check)


def _held(versions: list[ModelVersion]) -> dict[tuple[str, str], list[ModelVersion]]:
    """Versions by the digests that they are tagged with, the oldest first."""
    found: dict[tuple[str, str], list[ModelVersion]] = {}
    for one in versions:
        found.setdefault(_identity(one.tagged), []).append(one)
    return found


def _identity(tags: Mapping[str, str]) -> tuple[str, str]:
    return tags.get(ENGINE, ""), tags.get(MODEL, "")


def _merge(
    registry: ModelRegistry,
    wanted: Wanted,
    release: Release,
    found: list[ModelVersion],
    aliases: Mapping[str, str],
    *,
    check: bool,
) -> Iterator[Change]:
    """One version of a release: the oldest, which no run takes away; who comes second goes.

    Two runs at once may both make it, and each looks again after that. Aliases of somebody else
    go over to the one that stays.
    """
    first, *seconds = (one.version for one in found)
    for number in seconds:
        own = [name for name, at in aliases.items() if at == number and name not in wanted.runs]
        for alias in own:
            if not check:
                registry.point(wanted.service, alias, first)
            yield Change(f"{wanted.service}@{alias}", "alias", first, number)
        if not check:
            registry.delete_version(wanted.service, number)
        yield Change(f"{wanted.service}/{release}", "second version", _NOTHING, number)


def _realias(
    registry: ModelRegistry,
    wanted: Wanted,
    numbers: Mapping[Release, str],
    aliases: Mapping[str, str],
    *,
    check: bool,
) -> Iterator[Change]:
    for environment, running in wanted.runs.items():
        number = numbers[running] if running is not None else None
        found = aliases.get(environment)
        if number != found:
            if not check:
                _point(registry, wanted.service, environment, number)
            unit = f"{wanted.service}@{environment}"
            yield Change(unit, "alias", number or _NOTHING, found or _NOTHING)


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
