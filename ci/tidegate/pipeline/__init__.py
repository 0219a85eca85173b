"""The Dagger module: `dagger call ci` does in containers what the scripts do on a laptop."""

from typing import Annotated

import anyio
import dagger
from dagger import DefaultPath, Doc, Ignore, dag, function, object_type

PYTHON_IMAGE = "docker.io/library/python:3.11-slim"

Source = Annotated[
    dagger.Directory,
    DefaultPath("/"),
    Ignore(["**/.*_cache", "**/__pycache__", ".git", ".hypothesis", ".lab", ".venv"]),
    Doc("The repository to prove."),
]
Image = Annotated[str, Doc("Image with Python; name a mirror of it in a closed network.")]


@object_type
class Tidegate:
    """Proves a commit of a Tidegate repository."""

    source: Source
    image: Image = PYTHON_IMAGE

    def _toolbox(self) -> dagger.Container:
        """The repository with its tools installed as scripts/setup does everywhere."""
        return (
            dag.container()
            .from_(self.image)
            .with_exec(["apt-get", "update"])
            .with_exec(
                ["apt-get", "install", "--yes", "--no-install-recommends", "git", "libnuma1"]
            )
            .with_mounted_cache("/root/.cache/uv", dag.cache_volume("tidegate-uv"))
            .with_env_variable("UV_LINK_MODE", "copy")
            .with_directory("/work", self.source)
            .with_workdir("/work")
            .with_exec(["scripts/setup"])
        )

    @function
    @dagger.check
    async def check(self) -> str:
        """Render every unit and report everything that is wrong with it."""
        return await self._toolbox().with_exec([".venv/bin/tidegate", "check"]).stdout()

    @function
    @dagger.check
    async def test(self) -> str:
        """Run every test that needs no cluster, the real engines of the lab included."""
        return await self._toolbox().with_exec(["scripts/test"]).stdout()

    @function
    async def ci(self) -> str:
        """Everything that a pull request needs, side by side; fails with the first failure."""
        said: dict[str, str] = {}

        async def run(name: str) -> None:
            said[name] = await getattr(self, name)()

        async with anyio.create_task_group() as group:
            for name in ("check", "test"):
                group.start_soon(run, name)
        return "\n".join(said[name] for name in sorted(said))
