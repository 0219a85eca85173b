"""What the functions of the module share: arguments, as `dagger functions` explains them."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import dagger
from dagger import DefaultPath, Doc, Ignore, function

Source = Annotated[
    dagger.Directory,
    DefaultPath("/"),
    Ignore(["**/.*_cache", "**/__pycache__", ".git", ".hypothesis", ".lab", ".venv"]),
    Doc("The repository to prove."),
]
Git = Annotated[dagger.Directory, DefaultPath("/.git"), Doc("The repository's history.")]
Gpu = Annotated[bool, Doc("Use every GPU of the engine's host; otherwise the engine for CPUs.")]
Token = Annotated[
    dagger.Secret | None, Doc("A token that may push to the repository; none where anybody may.")
]
ApiKey = Annotated[dagger.Secret | None, Doc("Bearer token of the endpoint.")]
Author = Annotated[str, Doc("Who commits, as `name <address>`.")]
Service = Annotated[str, Doc("generator, retriever or reranker.")]
Username = Annotated[str, Doc("Who pushes to the registry.")]
Password = Annotated[dagger.Secret, Doc("The registry's password or token.")]
Key = Annotated[dagger.Secret, Doc("The signing key, as cosign makes it.")]
KeyPassword = Annotated[dagger.Secret, Doc("The password of the signing key.")]
EvidenceKey = Annotated[
    dagger.Secret,
    Doc("The PEM key that signs evidence; overlays/signers.yaml has its public half."),
]
RegistryConfig = Annotated[
    dagger.Secret, Doc("A Docker config.json that may push to the registry; cosign reads no other.")
]
Artifact = Annotated[str, Doc("Model as name:tag@sha256:<64 hex>.")]
Store = Annotated[dagger.Directory, Doc("The OCI layout with the model artifact and its evidence.")]
Builder = Annotated[str, Doc("Who builds, as a URI; a promotion policy may name it.")]
Tag = Annotated[str, Doc("Tag for people; the digest is what counts.")]
Reason = Annotated[str, Doc("Why, for the commit.")]
Request = Annotated[str, Doc("An id of the run: run again with it, nothing is done twice.")]
BUILDER = "https://tidegate.dev/release/v1"
BOT = "Tidegate <tidegate@tidegate.invalid>"

F = TypeVar("F", bound=Callable[..., Any])


# The types of dagger-io's own decorator know no `cache`, and lose what the function returns.
_expose = cast("Callable[..., Callable[[Any], Any]]", function)


def cached(func: F) -> F:
    """Expose a function whose result follows from its arguments alone."""
    return cast("F", _expose()(func))


def uncached(func: F) -> F:
    """Expose a function whose result is never served from a cache."""
    return cast("F", _expose(cache="never")(func))
