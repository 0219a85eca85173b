"""Service level objectives that the pinned vLLM can measure: each sits on a bucket edge."""

from collections.abc import Iterator

from tidegate.catalog.load import ModelFolder
from tidegate.findings import Finding
from tidegate.policy.metrics import edges, series

_METRICS = {
    "timeToFirstToken": ("time_to_first_token", "vllm:time_to_first_token_seconds"),
    "interTokenLatency": ("inter_token_latency", "vllm:inter_token_latency_seconds"),
    "endToEnd": ("end_to_end", "vllm:e2e_request_latency_seconds"),
}


def check_objectives(model: ModelFolder) -> Iterator[Finding]:
    """Findings of objectives between two edges, where a share can only be guessed."""
    for key, (attribute, name) in _METRICS.items():
        objective = getattr(model.spec.slo, attribute)
        known = edges(series()[f"{name}_bucket"], model.engine)
        if objective and objective.seconds not in known:
            yield Finding(
                model.file,
                f"spec.slo.{key}",
                "threshold between bucket edges",
                f"an edge of {name}: {' '.join(f'{edge:g}' for edge in known)}",
                f"{objective.seconds:g}",
                "take the next edge, or set custom-histogram-buckets in engine.yaml",
            )
