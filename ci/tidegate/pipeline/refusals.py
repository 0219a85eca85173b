"""What is refused in one line before, or instead of, a release that would be half of one."""

import dagger
from dagger import QueryError

from tidegate.findings import cannot_check, refuse
from tidegate.lab.training_runs import SERVED

_NOTHING = "nothing was signed or promoted"


def _line(error: QueryError) -> str:
    """What the engine says, in one line."""
    return " ".join(str(error).split())


async def pushed(image: dagger.Container, address: str) -> str:
    """The reference by digest that an image was pushed as; its tag is written last.

    Raises:
        CouldNotCheckError: the registry does not answer, or refuses.
    """
    try:
        return await image.publish(address)
    except QueryError as error:
        raise cannot_check(
            address,
            "registry",
            "did not take the image",
            wanted="the whole image under its tag",
            found=_line(error),
            next_step=f"correct the address or the credentials and publish again; {_NOTHING}",
        ) from None


async def served(pulled: dagger.Container, address: str) -> str:
    """The reference by digest that the registry serves under a tag.

    Raises:
        CouldNotCheckError: the registry does not answer, or refuses.
    """
    try:
        return await pulled.image_ref()
    except QueryError as error:
        raise cannot_check(
            address,
            "digest",
            "not known after the push",
            wanted="the image that was pushed",
            found=_line(error),
            next_step=f"publish again, which pushes the same image; {_NOTHING}",
        ) from None


def same(address: str, pushed: str, served: str) -> str:
    """`name:tag@digest` of what was pushed.

    Raises:
        FindingsError: the registry serves another digest under the tag.
    """
    wanted, found = (one.rpartition("@")[2] for one in (pushed, served))
    if wanted == found:
        return f"{address}@{wanted}"
    raise refuse(
        address,
        "digest",
        "differs after the push",
        wanted=wanted,
        found=found,
        next_step="somebody pushed the same tag, or the registry changes manifests: push again",
    )


def trainable(model: str) -> str:
    """A model that needs no weights from outside, because the lab trains it.

    Raises:
        FindingsError: the lab does not.
    """
    if model in SERVED:
        return model
    raise refuse(
        "dagger call",
        "--weights",
        "no weights",
        wanted=f"those of {model}, or one of {', '.join(SERVED)}, which the lab trains",
        found="none",
        next_step="give the folder that holds them",
    )


async def require_model(weights: dagger.Directory, name: str) -> None:
    """Nothing where a folder is a model's.

    Raises:
        CouldNotCheckError: it has no configuration, so a server would start and find nothing.
    """
    if not await weights.exists("config.json"):
        raise cannot_check(
            name,
            "config.json",
            "no model to serve",
            wanted="a folder with a model's configuration and weights",
            found="no such file",
            next_step="name the model's own folder or artifact",
        )


async def require_gpus(image: dagger.Container) -> None:
    """Nothing where the engine's host gives its GPUs to a container, as its driver lists them.

    Raises:
        CouldNotCheckError: it has none, or keeps them.
    """
    try:
        await image.experimental_with_all_gp_us().with_exec(["nvidia-smi", "--list-gpus"]).sync()
    except QueryError as error:
        raise cannot_check(
            "dagger call",
            "--gpu",
            "no GPU",
            wanted="an engine whose host has GPUs and gives them to containers",
            found=_line(error),
            next_step="name one as docs/how-to/gpu-lane.md says, or leave --gpu out",
        ) from None
