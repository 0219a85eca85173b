"""An exception: a finding that somebody answers for, and until when."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from tidegate.catalog.objects import Metadata, Name, Strict


class ExceptionSpec(Strict):
    """Which findings somebody answers for, why, and until when."""

    code: Annotated[str, Field(pattern=r"^TG[0-9]{3}$")]
    file: Annotated[str, Field(min_length=1)]
    """The finding's file; `*` stands for any part of a name."""
    object: Annotated[str, Field(min_length=1)]
    """The finding's object; `*` as above."""
    owner: Name
    reason: Annotated[str, Field(min_length=20)]
    expires: date
    """The last day on which it holds."""


class PolicyException(Strict):
    """exceptions/<name>.yaml: a finding that is accepted for a time."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["PolicyException"]
    metadata: Metadata
    spec: ExceptionSpec
