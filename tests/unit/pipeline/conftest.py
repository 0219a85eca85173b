"""An engine that only listens: it records what the module asks for, and answers the least."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from dagger import QueryError
from dagger._exceptions import QueryErrorValue
from dagger.client._core import Context
from dagger.mod._module import Module
from dagger.mod.cli import load_module
from gql import GraphQLRequest
from tests.conftest import ROOT

IMAGES = (ROOT / "ci" / "images" / "images.yaml").read_text()
DIGEST = f"sha256:{'a' * 64}"
LOCKED = IMAGES.replace("digest: null", f"digest: {DIGEST}")


@dataclass
class Engine:
    """Records every chain of calls that is sent, and answers it by its last field."""

    answers: dict[str, Any] = field(default_factory=dict)
    """By the last field of a chain: what it gives, or what makes that from the chain."""
    chains: list[list[tuple[str, dict[str, Any]]]] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    """Raised where a call or its arguments hold the word."""
    hanging: str = "nothing hangs"
    """A chain with this word never ends."""
    reached: anyio.Event = field(default_factory=anyio.Event)
    """Set once a chain hangs."""
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)
    _objects: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    async def execute(self, context: Context, return_type: Any = None) -> Any:  # noqa: ANN401 - as dagger's own
        """Stands in for sending a chain."""
        await context.resolve_ids()
        chain = self._whole([(one.name, dict(one.args)) for one in context.selections])
        self.chains.append(chain)
        for word, error in self.failing.items():
            if word in json.dumps(chain):
                raise error
        if self.hanging in json.dumps(chain):
            self.reached.set()
            await anyio.sleep_forever()
        if return_type is None:
            return None
        name = chain[-1][0]
        if name in {"id", "sync"}:
            return context.converter.structure(self._remember(chain[:-1]), return_type)
        answer = self.answers.get(name, f"<{name}>")
        said = answer(chain) if callable(answer) else answer
        return context.converter.structure(said, return_type)

    def _remember(self, chain: list[tuple[str, dict[str, Any]]]) -> str:
        name = f"id-{next(self._ids)}"
        self._objects[name] = chain
        return name

    def _whole(self, chain: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
        """With what an object was made by instead of its id."""
        if chain[0][0] == "node":
            return [*self._objects.get(chain[0][1]["id"], chain[:1]), *chain[1:]]
        return chain

    def commands(self) -> list[list[str]]:
        """Every command line that a container was to run, once."""
        found = [a["args"] for chain in self.chains for f, a in chain if f == "withExec"]
        return [list(one) for one in dict.fromkeys(map(tuple, found))]

    def calls(self, name: str) -> list[dict[str, Any]]:
        """The arguments of every call of a field, once."""
        found = [json.dumps(a) for chain in self.chains for f, a in chain if f == name]
        return [json.loads(one) for one in dict.fromkeys(found)]


def told(message: str) -> QueryError:
    """What an engine answers where it cannot do what it is asked."""
    return QueryError([QueryErrorValue(message)], GraphQLRequest("{ container { id } }"))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The listening engine; images are locked, and every command says `done`."""
    made = Engine({"contents": LOCKED, "stdout": "done", "glob": [], "imageRef": f"x@{DIGEST}"})
    made.answers |= {"exists": True, "publish": f"registry.example/engine:main@{DIGEST}"}

    async def execute(context: Context, return_type: Any = None) -> Any:  # noqa: ANN401 - as dagger's own
        return await made.execute(context, return_type)

    monkeypatch.setattr(Context, "execute", execute)
    return made


@pytest.fixture(scope="session")
def module() -> Module:
    """The module as the engine's runtime loads it."""
    return load_module()


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that dagger runs in."""
    return "asyncio"


class Caller:
    """Calls a function as the engine does: state and arguments as JSON, objects as ids."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.state = {"source": "source-id", "registry": "registry.example/engine"}
        self.state |= {"platform": "linux/amd64"}

    async def __call__(self, name: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """The result as the engine receives it."""
        return await self.module.get_result("Tidegate", self.state, name, arguments)


@pytest.fixture
def call(module: Module, engine: Engine) -> Caller:
    """Calls functions of the module on the listening engine."""
    assert engine.chains == []
    return Caller(module)
