"""The `data:` section of a config."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nntrain.component import Variant
from nntrain.data.sources import Source
from nntrain.data.splits import RandomSplit, SplitSpec

PositiveInt = Annotated[int, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TargetSpec(_Section):
    """What is predicted."""

    column: str = Field(description="name of the column")
    kind: Literal["auto", "classes", "number"] = Field(
        "auto", description="classes or number; auto: texts, and whole numbers from 0 to at most 19, are classes"
    )


class FeatureSpec(_Section):
    """How the columns of a table make images."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        description="height, width and channels that the feature columns fill, row by row"
    )
    scale: float = Field(1.0, gt=0, description="values are divided by this")


class DataSpec(_Section):
    """Where the rows come from, and what becomes of the columns."""

    source: Annotated[Source, Variant("source")] = Field(description="where the rows come from")
    target: TargetSpec | None = Field(None, description="the column to predict; images bring their labels")
    drop: tuple[str, ...] = Field((), description="columns that are left out")
    columns: dict[str, Literal["numeric", "categorical"]] = Field(
        {}, description="kinds of columns, where inference errs"
    )
    features: FeatureSpec | None = Field(None, description="makes images of a table's columns")
    split: Annotated[SplitSpec, Variant("split")] = Field(
        RandomSplit(), description="training, validation and test rows"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        """`target: name` for `target: {column: name}`; a `split` without type is random."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if isinstance(data.get("target"), str):
            data["target"] = {"column": data["target"]}
        if isinstance(data.get("split"), dict) and "type" not in data["split"]:
            data["split"] = {"type": "random", **data["split"]}
        return data
