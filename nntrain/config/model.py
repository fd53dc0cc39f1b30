"""The root of a config: one frozen pydantic model a section. The specs of layers, losses, ... live in their own rooms."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from nntrain.component import Variant
from nntrain.data.spec import DataSpec
from nntrain.metrics import Metric
from nntrain.nn.layer import Layer
from nntrain.nn.losses import Loss
from nntrain.optim import OptimizerSpec, Schedule
from nntrain.optim.schedules import ConstantSchedule

PositiveInt = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """Base of the sections: frozen, strict, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Place(Section):
    """What a layer of a network has besides its own spec."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$")] | None = Field(
        None, description="name of the layer"
    )
    inputs: str | tuple[str, ...] | None = Field(None, description="names of the layers or inputs it reads")


class LayerItem(BaseModel):
    """One item of `layers`: a layer's spec, and its place in the network."""

    model_config = ConfigDict(frozen=True)

    layer: Layer
    place: Place = Place()

    own_keys: ClassVar[tuple[str, ...]] = ("name", "inputs")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(cls.dump)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"x-nntrain": "layer_item"}

    @classmethod
    def parse(cls, value: Any) -> "LayerItem":
        """From a bare type name, or a map of the layer's fields, `type`, `name` and `inputs`."""
        if isinstance(value, LayerItem):
            return value
        rest, place = value, {}
        if isinstance(value, Mapping):
            place = {k: v for k, v in value.items() if k in cls.own_keys}
            rest = {k: v for k, v in value.items() if k not in cls.own_keys}
        errors: list[InitErrorDetails] = []
        spec, where = None, None
        try:
            where = Place.model_validate(place)
        except ValidationError as error:
            errors += relayed(error)
        try:
            spec = Variant("layer").validate(rest)
        except ValidationError as error:
            errors += relayed(error)
        if errors:
            raise ValidationError.from_exception_data("layer", errors)
        assert isinstance(spec, Layer) and where is not None
        return cls.model_construct(layer=spec, place=where)

    def dump(self) -> dict[str, Any]:
        """As it would be written in a config, every default included."""
        place = {k: v for k, v in self.place.model_dump(mode="json").items() if v is not None}
        spec = self.layer.model_dump(mode="json")
        return {"type": spec.pop("type"), **place, **spec}


def relayed(error: ValidationError) -> list[InitErrorDetails]:
    """The errors of one validation in the form that another can raise."""
    return [
        InitErrorDetails(
            type=PydanticCustomError(e["type"], "{relayed}", {**e.get("ctx", {}), "relayed": e["msg"]}),
            loc=e["loc"],
            input=e["input"],
        )
        for e in error.errors(include_url=False)
    ]


class EarlyStop(Section):
    """Stop when the monitored metric has not improved for a while."""

    monitor: str | None = Field(None, description="metric to watch, such as val/loss; checkpoint.best where not given")
    patience: PositiveInt = Field(10, description="epochs without improvement after which training stops")
    min_delta: float = Field(0.0, ge=0, description="smaller improvements do not count")


class TrainSection(Section):
    """How long and in which pieces."""

    epochs: PositiveInt | None = Field(None, description="passes over the training rows")
    steps: PositiveInt | None = Field(None, description="optimizer updates")
    batch_size: PositiveInt = Field(32, description="rows of one forward and backward pass")
    eval_batch_size: PositiveInt = Field(256, description="rows of one forward pass in evaluation; changes no figure")
    accumulate: PositiveInt = Field(1, description="batches that make one update")
    clip_norm: float | None = Field(None, gt=0, description="largest joint norm of all gradients")
    clip_value: float | None = Field(None, gt=0, description="largest absolute value of any gradient")
    ema: float | None = Field(
        None, gt=0, lt=1, description="decay of an average of the weights, which is then evaluated"
    )
    shuffle: bool = Field(True, description="a new order of the rows each epoch, from seed and epoch")
    early_stop: EarlyStop | None = Field(None, description="stop when nothing improves")

    @model_validator(mode="after")
    def _has_a_length(self) -> "TrainSection":
        if (self.epochs is None) == (self.steps is None):
            raise PydanticCustomError("train_length", "give one of 'epochs' and 'steps'")
        return self


class CheckpointSection(Section):
    """Which checkpoints are written."""

    every: PositiveInt = Field(1, description="write last.safetensors every so many epochs")
    best: str | None = Field(
        None, description="metric that chooses best.safetensors, such as val/accuracy; the first metric where not given"
    )


class LogSection(Section):
    """What is reported, and how often."""

    interval: float = Field(
        10.0, gt=0, description="seconds between lines of progress where the output is not a terminal"
    )


class Config(Section):
    """A whole experiment."""

    version: Literal[1] = Field(1, description="version of the config language")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] = Field(
        "run", description="runs are kept in runs/<name>; the file's name where not given"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="everything random is derived from it")
    vars: dict[str, Any] = Field({}, description="values for $vars.name")
    plugins: tuple[str, ...] = Field((), description="Python files with layers, losses, metrics of your own")
    data: DataSpec = Field(description="where the rows come from, and what becomes of the columns")
    layers: Annotated[tuple[LayerItem, ...], Field(min_length=1)] = Field(description="the network, layer by layer")
    loss: Annotated[Loss, Variant("loss")] = Field(description="what training makes small")
    metrics: tuple[Annotated[Metric, Variant("metric")], ...] | None = Field(
        None, description="what is reported besides the loss; chosen by the target where not given"
    )
    optimizer: Annotated[OptimizerSpec, Variant("optimizer")] = Field(description="how parameters are updated")
    schedule: Annotated[Schedule, Variant("schedule")] = Field(ConstantSchedule(), description="the rate over time")
    train: TrainSection = Field(description="how long and in which pieces")
    checkpoint: CheckpointSection = Field(CheckpointSection(), description="which checkpoints are written")
    precision: Literal["float32", "float64"] = Field("float32", description="dtype of parameters and activations")
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto", description="auto, cpu, cuda or cuda:N; auto takes a GPU where there is one, and says so"
    )
    log: LogSection = Field(LogSection(), description="what is reported, and how often")
