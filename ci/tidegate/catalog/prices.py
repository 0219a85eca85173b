"""What accelerators cost, by the classes that models name."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.catalog.objects import Metadata, Name, Strict


class PriceClass(Strict):
    """What one accelerator costs."""

    usd_per_hour: Annotated[float, Field(gt=0)]


class PriceListSpec(Strict):
    """The price classes that models name."""

    classes: dict[Name, PriceClass]


class PriceList(Strict):
    """models/prices.yaml: what accelerators cost, for the gate on cost."""

    api_version: Literal["tidegate.dev/v1alpha1"]
    kind: Literal["PriceList"]
    metadata: Metadata
    spec: PriceListSpec
