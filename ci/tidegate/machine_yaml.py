"""Reads YAML that a program wrote, fast: what Kustomize renders and what a Go module brings.

The C parser knows YAML 1.1. Two of its readings are switched off because no Kubernetes tool shares
them: a bare date stays a string, and so does `=`. What people write is read by ruamel.yaml.
"""

from collections.abc import Iterator
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Plain data only."""


_FOREIGN = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _FOREIGN]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_all(text: str) -> Iterator[Any]:
    """The documents of a text that are not empty; raises `yaml.YAMLError`."""
    return (one for one in yaml.load_all(text, Loader=_Loader) if one is not None)
