"""Where an engine image comes from: SLSA provenance v1, as its builder says it (Build L1)."""

from datetime import datetime
from typing import Any

from tidegate.evidence.kinds import utc_text
from tidegate.oci import Reference

BUILD_TYPE = "https://tidegate.dev/engine-image/v1"


def provenance(
    source: str, commit: str, base: Reference, builder: str, finished: datetime
) -> dict[str, Any]:
    """The predicate of an image that was built from a commit and a base image.

    Args:
        source: where the repository is, without credentials.
        commit: the whole hash.
        base: what the image's Dockerfile begins with.
        builder: who built it, as a URI.
        finished: when, with its time zone.
    """
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"source": source, "dockerfile": "ci/images/engine/Dockerfile"},
            "resolvedDependencies": [
                {"uri": f"git+{source}", "digest": {"gitCommit": commit}},
                {
                    "uri": f"docker://{base.name}:{base.tag}",
                    "digest": {"sha256": base.digest.removeprefix("sha256:")},
                },
            ],
        },
        "runDetails": {
            "builder": {"id": builder},
            "metadata": {"finishedOn": utc_text(finished)},
        },
    }
