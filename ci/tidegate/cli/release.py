"""The commands that move releases: promote, rollback."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from tidegate.catalog.load import find_root
from tidegate.cli.options import (
    ArtifactOption,
    EngineOption,
    Json,
    Root,
    Store,
    release_of,
    store_of,
)
from tidegate.cli.output import console, print_json
from tidegate.findings import refuse
from tidegate.manifests.release import Release
from tidegate.oci import Layout
from tidegate.promotion.forge import forge_of
from tidegate.promotion.git import BRANCH, Repository
from tidegate.promotion.journal import Asked, journaled, named
from tidegate.promotion.promote import Promotion, Request, promote, rollback

Service = Annotated[str, typer.Argument(help="generator, retriever or reranker.")]
RequestId = Annotated[
    str | None,
    typer.Option(
        envvar="TIDEGATE_REQUEST",
        help="An id, as of a pipeline's run: run again with it, from any clone, nothing is "
        "done twice.",
    ),
]


def _pull_request(repository: Repository, done: Promotion) -> str | None:
    """The address of the request for a promotion's branch; None where there is no forge."""
    forge = forge_of(repository)
    if forge is None or done.commit is None or done.branch == BRANCH:
        return None
    subject, _, text = repository.run("log", "-1", "--format=%B", done.commit).partition("\n")
    return forge.open(done.branch, subject, text.strip())


def _named(on_record: str | None, by_digests: Release | None) -> Release | str | None:
    """The release that the options name, in one of two ways."""
    if on_record is not None and by_digests:
        raise refuse(
            "command line",
            "--release",
            "named twice",
            wanted="--release, or --engine and --model-artifact",
            found="both",
            next_step="leave one out",
        )
    return on_record if on_record is not None else by_digests


def _tell(done: Promotion, *, json: bool, url: str | None = None) -> None:
    if json:
        print_json(
            {
                "environment": done.environment,
                "service": done.service,
                "commit": done.commit,
                "branch": done.branch,
                "release": done.release.as_dict(),
                "pull_request": url,
                "earlier": done.earlier,
            }
        )
    elif done.commit is None:
        console.print(f"{done.environment} runs {done.service} {done.release} already")
    else:
        told = f"{done.branch}: {done.commit[:8]} {done.service} {done.release}"
        told += ", by an earlier run of this request" if done.earlier else ""
        console.print(f"{told} {url}" if url else told, soft_wrap=True)


def promote_command(
    service: Service,
    to: Annotated[str, typer.Option(help="The environment to promote to.")],
    engine: EngineOption = None,
    model_artifact: ArtifactOption = None,
    release: Annotated[
        str | None,
        typer.Option(help="A release on record as <engine>+<model> or by its version."),
    ] = None,
    evidence: Annotated[str | None, typer.Option(help="Digest that `gate run` printed.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the commit.")] = "the gates pass",
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Push a branch for review instead of main.")
    ] = False,
    despite_rollback: Annotated[
        bool, typer.Option("--despite-rollback", help="Lift the mark that a rollback left.")
    ] = False,
    request: RequestId = None,
    root: Root = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Put a proven release on an environment, by one commit that changes one file.

    The first environment takes the release that --release, or --engine with --model-artifact,
    names; every other one takes what the environment before it runs. The environment's
    policy.yaml says what evidence it takes and when.
    """
    folder = find_root(root or Path.cwd())
    wanted = Request(
        service,
        to,
        _named(release, release_of(engine, model_artifact)),
        evidence,
        reason,
        pull_request,
        despite_rollback,
        named(request) if request is not None else Asked(),
    )
    repository = Repository(folder)
    done = promote(repository, Layout(store_of(folder, store)), wanted)
    _tell(done, json=json, url=_pull_request(repository, done))


def rollback_command(
    service: Service,
    env: Annotated[str, typer.Option(help="The environment to roll back.")],
    reason: Annotated[str, typer.Option(help="Why, for the commit.")] = "rolled back by hand",
    undo: Annotated[
        bool, typer.Option("--undo", help="Put back what the last rollback took away.")
    ] = False,
    request: RequestId = None,
    root: Root = None,
    json: Json = False,
) -> None:
    """Put back the last good release and mark the present one bad; needs git and nothing else.

    Every call goes one release further back. One that was killed, or ended without an answer, and
    is run again within an hour in the same checkout, only says what it did.
    """
    repository = Repository(find_root(root or Path.cwd()))
    with _asked(repository, request, "undo" if undo else "rollback", service, env) as asked:
        done = rollback(repository, service, env, reason, undo=undo, asked=asked)
        _tell(done, json=json)


def _asked(
    repository: Repository, request: str | None, *command: str
) -> AbstractContextManager[Asked]:
    """The request that the caller names, or the one that the git directory remembers."""
    return journaled(repository, *command) if request is None else nullcontext(named(request))
