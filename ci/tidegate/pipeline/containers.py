"""The containers that the functions of the module work in."""

import json
import uuid

import dagger
from dagger import ReturnType, dag

from tidegate.findings import refuse
from tidegate.lab.container import USER
from tidegate.lab.server import ENVIRONMENT
from tidegate.supply.images import IMAGES, Image, parse_images

# What the engine image is made from; another change of the repository does not build it anew.
IMAGE_INPUTS = ["ci/images/engine/*", "requirements/engine.txt", "requirements/uv.txt"]
# What scripts/setup reads; another change of the repository does not install anew.
SETUP_INPUTS = ["ci/tidegate/__init__.py", "pyproject.toml", "requirements/*", "scripts/setup"]
PORT = 8000
TIDEGATE = ".venv/bin/tidegate"
# What steps start beside Python: vLLM loads libnuma, and tests read processes and sign commits.
PACKAGES = "git libnuma1 openssh-client procps"
INSTALL = f"apt-get update && apt-get install --yes --no-install-recommends {PACKAGES}"
# Those of the base image count, so that a mirror, a registry and an endpoint with an authority of
# their own can be trusted.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


async def images(source: dagger.Directory, override: dagger.File | None) -> dict[str, Image]:
    """The outside images of the repository by name, mirrors in their place."""
    text = await source.file(IMAGES).contents()
    return parse_images(text, await override.contents() if override else None)


async def resolved(image: Image) -> str:
    """An image by digest: its own, or the one that its registry serves for its tag now."""
    if image.digest:
        return image.reference
    return await dag.container().from_(image.reference).image_ref()


def fresh(container: dagger.Container) -> dagger.Container:
    """The container with a value that no run had before: what follows is never from a cache."""
    return container.with_env_variable("TIDEGATE_RUN", uuid.uuid4().hex)


def toolbox(image: str, source: dagger.Directory) -> dagger.Container:
    """The repository with its tools, installed as scripts/setup does everywhere.

    It is a git checkout without history, because git tells which files are the repository's.
    """
    return (
        dag.container()
        .from_(image)
        .with_exec(["sh", "-c", INSTALL])
        .with_mounted_cache("/root/.cache/uv", dag.cache_volume("tidegate-uv"))
        .with_env_variable("UV_LINK_MODE", "copy")
        .with_env_variable("UV_SYSTEM_CERTS", "1")
        .with_env_variable("PIP_CERT", CERTIFICATES)
        .with_env_variable("SSL_CERT_FILE", CERTIFICATES)
        .with_workdir("/work")
        .with_directory("/work", source.filter(include=SETUP_INPUTS))
        .with_exec(["scripts/setup"])
        .with_directory("/work", source)
        .with_exec(["git", "init", "--quiet"])
    )


def with_git(
    container: dagger.Container, git: dagger.Directory, token: dagger.Secret | None, author: str
) -> dagger.Container:
    """The toolbox as a checkout that can push: history, an author, and a token nobody sees.

    The helper is configured by variables, so the token is in no file and on no command line.
    """
    helper = '!f() { echo username=tidegate; echo "password=$TIDEGATE_GIT_TOKEN"; }; f'
    name, _, email = author.partition(" <")
    settings = {"user.name": name, "user.email": email.rstrip(">"), "credential.helper": helper}
    container = (
        container.without_directory("/work/.git")
        .with_directory("/work/.git", git)
        .with_env_variable("GIT_CONFIG_COUNT", str(len(settings)))
    )
    for i, (key, value) in enumerate(settings.items()):
        container = container.with_env_variable(f"GIT_CONFIG_KEY_{i}", key)
        container = container.with_env_variable(f"GIT_CONFIG_VALUE_{i}", value)
    return container.with_secret_variable("TIDEGATE_GIT_TOKEN", token) if token else container


EVIDENCE_KEY = "/keys/evidence.pem"


def with_signer(container: dagger.Container, key: dagger.Secret) -> dagger.Container:
    """The toolbox with the key that signs evidence, in memory only, readable by its user alone."""
    mounted = container.with_mounted_secret(EVIDENCE_KEY, key)
    return mounted.with_env_variable("TIDEGATE_SIGNER", f"file:{EVIDENCE_KEY}")


def with_registry(
    container: dagger.Container, username: str, password: dagger.Secret
) -> dagger.Container:
    """The toolbox as somebody whom the artifacts' registries know."""
    named = container.with_env_variable("TIDEGATE_REGISTRY_USER", username)
    return named.with_secret_variable("TIDEGATE_REGISTRY_PASSWORD", password)


PODS = "/pods.json"


def with_pods(toolbox: dagger.Container, kubeconfig: dagger.Secret) -> dagger.Container:
    """The toolbox with a list of a cluster's pods; the credentials are there for this alone."""
    command = [".venv/bin/kubectl", "get", "pods", "--all-namespaces", "--output=json"]
    return (
        toolbox.with_mounted_secret("/kubeconfig", kubeconfig)
        .with_env_variable("KUBECONFIG", "/kubeconfig")
        .with_exec(command, redirect_stdout=PODS)
        .without_mount("/kubeconfig")
    )


def server(
    image: dagger.Container,
    weights: dagger.Directory,
    config: dagger.File,
    *,
    gpu: bool,
) -> dagger.Service:
    """The engine image as a service on port 8000; with `gpu`, every GPU of the engine's host."""
    container = image.experimental_with_all_gp_us() if gpu else image
    for name, value in () if gpu else tuple(ENVIRONMENT.items()):
        container = container.with_env_variable(name, value)
    return (
        fresh(container)
        .with_mounted_directory("/model", weights, owner=USER)
        .with_mounted_file("/etc/vllm/engine.yaml", config, owner=USER)
        .with_exposed_port(PORT)
        .as_service(
            args=["--config", "/etc/vllm/engine.yaml", "--model", "/model", "--host", "0.0.0.0"],  # noqa: S104 - inside the engine's own network
            use_entrypoint=True,
        )
    )


def trivy(image: str, scanned: dagger.Container) -> dagger.Container:
    """Trivy on an image; its database is kept between runs and updated by Trivy itself.

    Trivy takes every layer of an archive for compressed as the first one is.
    """
    tarball = scanned.as_tarball(forced_compression=dagger.ImageLayerCompression.GZIP)
    return (
        dag.container()
        .from_(image)
        .with_mounted_cache("/cache", dag.cache_volume("tidegate-trivy"))
        .with_env_variable("TRIVY_CACHE_DIR", "/cache")
        .with_env_variable("TRIVY_QUIET", "true")
        .with_mounted_file("/image.tar", tarball)
        .with_directory("/out", dag.directory())
    )


def address(registry: str, tag: str) -> str:
    """Where an image is pushed to.

    Raises:
        FindingsError: no registry was named.
    """
    if registry:
        return f"{registry}:{tag}"
    raise refuse(
        "dagger call",
        "--registry",
        "no registry",
        wanted="registry.example/path/name",
        found="nothing",
        next_step="name where the engine image is published: `dagger call --registry=... publish`",
    )


def gates(model: str) -> list[str]:
    """The command that runs a model's gates on the service called `engine`."""
    return [TIDEGATE, "gate", "run", "--url", f"http://engine:{PORT}", "--model", model]


def first(service: str) -> list[str]:
    """The command that puts a release on the first environment."""
    return [TIDEGATE, "promote", service, "--to", "dev", "--json"]


def trained(toolbox: dagger.Container, model: str) -> dagger.Directory:
    """The weights of a model that the lab trains."""
    return toolbox.with_exec([TIDEGATE, "lab", "train"]).directory(f".lab/models/{model}")


async def said(result: str | dagger.Container | dagger.Directory) -> str:
    """What a step says; `done` where it makes files or an image, once they are made."""
    if isinstance(result, str):
        return result
    await result.sync()
    return "done"


def listed(trivy: dagger.Container) -> dagger.Directory:
    """Bills of materials of the image that `trivy` holds, in both formats."""
    for kind in ("cyclonedx", "spdx-json"):
        output = ["--format", kind, "--output", f"/out/sbom.{kind}.json"]
        trivy = trivy.with_exec(["trivy", "image", "--input", "/image.tar", *output])
    return trivy.directory("/out")


def scanned(trivy: dagger.Container) -> dagger.Directory:
    """The report on the image that `trivy` holds, as JSON and SARIF, and the database's date.

    A scanner that fails leaves no report, and `tidegate scan` says in a line what that means.
    """
    report = ["--format", "json", "--scanners", "vuln,secret", "--output", "/out/scan.json"]
    sarif = ["--format", "sarif", "--output", "/out/scan.sarif", "/out/scan.json"]
    version = ["trivy", "version", "--format", "json"]
    return (
        fresh(trivy)
        .with_exec(["trivy", "image", "--input", "/image.tar", *report], expect=ReturnType.ANY)
        .with_exec(["trivy", "convert", *sarif], expect=ReturnType.ANY)
        .with_exec(version, redirect_stdout="/out/database.json", expect=ReturnType.ANY)
        .directory("/out")
    )


async def units(source: dagger.Directory) -> list[str]:
    """The folders that Argo CD would apply; a component is a part of others and is none."""
    patterns = "overlays/*/*/kustomization.yaml", "clusters/*/kustomization.yaml"
    files = [file for pattern in patterns for file in await source.glob(pattern)]
    texts = [await source.file(file).contents() for file in files]
    return [
        file.removesuffix("/kustomization.yaml")
        for file, text in zip(files, texts, strict=True)
        if "kind: Component" not in text
    ]


def rendered(kustomize: str, source: dagger.Directory, units: list[str]) -> dagger.Directory:
    """A file for every unit, as the image's Kustomize renders its folder."""
    container = dag.container().from_(kustomize).with_directory("/work", source)
    made = dag.directory()
    for unit in units:
        done = container.with_workdir(f"/work/{unit}").with_exec(
            ["build", "."], use_entrypoint=True, redirect_stdout="/unit.yaml"
        )
        made = made.with_file(f"{unit.removeprefix('overlays/')}.yaml", done.file("/unit.yaml"))
    return made


# The steps that need no image.
REPOSITORY = ("lint", "check", "test")


async def step(toolbox: dagger.Container, name: str, base: str) -> str:
    """What a step says of the files that differ from `base`; the toolbox has the history."""
    command = [TIDEGATE, "ci", "--only", name, "--base", base]
    return await fresh(toolbox).with_exec(command).stdout()


async def changes(toolbox: dagger.Container, base: str) -> str:
    """What the checkout changes in the clusters since it left `base`, or why nobody can say."""
    command = [TIDEGATE, "diff", base, "--format", "markdown"]
    return await toolbox.with_exec(command, expect=ReturnType.ANY).stdout()


async def removals(toolbox: dagger.Container, base: str) -> str:
    """Fails where the commits since `base` remove what nobody said why."""
    return await toolbox.with_exec([TIDEGATE, "guard", f"{base}..HEAD"]).stdout()


async def affected(toolbox: dagger.Container, base: str) -> set[str]:
    """The steps that read a file that differs from `base`; the toolbox has the history."""
    plan = [TIDEGATE, "ci", "--plan", "--base", base, "--json"]
    rows = json.loads(await toolbox.with_exec(plan).stdout())
    return {row["name"].partition("/")[0] for row in rows if row["needed"]}
