"""How an image is signed: by cosign, with a key, and by no service of anybody's."""

import json

import dagger
from dagger import dag

from tidegate.pipeline.containers import fresh

KEY = "/keys/cosign.key"
SERVICES = "/services.json"
# Cosign's own choice is Sigstore's public services: it asks them which there are, so nothing is
# signed where they cannot be reached, and writes what it signs into a log that all the world reads.
NO_SERVICES = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "rekorTlogConfig": {},
    "tsaConfig": {},
}
# The user of cosign's own image; a secret is readable by its owner alone.
_COSIGN_USER = "65532"


def cosign(
    image: str, key: dagger.Secret, key_password: dagger.Secret, registry_config: dagger.Secret
) -> dagger.Container:
    """Cosign with its key and with credentials for the registry, all in memory only."""
    container = (
        dag.container()
        .from_(image)
        .with_new_file(SERVICES, json.dumps(NO_SERVICES), owner=_COSIGN_USER)
        .with_mounted_secret(KEY, key, owner=_COSIGN_USER)
        .with_mounted_secret("/auth/config.json", registry_config, owner=_COSIGN_USER)
        .with_env_variable("DOCKER_CONFIG", "/auth")
        .with_secret_variable("COSIGN_PASSWORD", key_password)
    )
    return fresh(container)


def signed(reference: str) -> list[str]:
    """The command that signs an image by digest; its signature lies beside it in the registry."""
    return ["sign", "--yes", "--key", KEY, "--signing-config", SERVICES, reference]
