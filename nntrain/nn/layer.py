"""`Layer`: the spec of a layer. A frozen pydantic model whose methods are pure; YAML, Python modules and plugins share it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nntrain.component import Component
from nntrain.engine.graph import no_grad
from nntrain.engine.settings import default_dtype
from nntrain.engine.spec import DType, Spec, is_float
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import Initializer


@dataclass(frozen=True)
class ParamSpec:
    """A parameter (trained) or buffer (kept, not trained) that a layer needs.

    `dtype` is None for the network's own float dtype.
    """

    shape: tuple[int, ...]
    init: Initializer
    fan_in: int = 0
    fan_out: int = 0
    trainable: bool = True
    dtype: DType | None = None


class Params(Mapping[str, Tensor]):
    """The parameters and buffers of one layer by name; `sub` gives those of a layer inside it."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        self._tensors = tensors
        self._prefix = prefix

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._prefix + name]

    def __iter__(self) -> Iterator[str]:
        n = len(self._prefix)
        return (name[n:] for name in self._tensors if name.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def sub(self, name: str) -> Params:
        """The parameters whose names start with `name.`."""
        return Params(self._tensors, f"{self._prefix}{name}.")


class Layer(Component, kind="layer"):
    """Base of all layer specs.

    A layer is one class in one place: a `type`, its fields, what parameters it needs for given inputs, and `forward`
    written with tensor operations. Shapes of outputs follow from the operations (`output`), gradients too. Its Python
    module `nn.<ClassName without Spec>` is made from it: the arguments of `given`, then the fields.
    """

    #: (fields, input shapes) from which the layer is checked; an input of integers is ("int", high, *shape)
    examples: ClassVar[tuple[tuple[dict[str, Any], tuple[tuple[Any, ...], ...]], ...]] = (({}, ((3, 4),)),)
    #: the Python module's name where it is not the class name without "Spec"
    module: ClassVar[str | None] = None
    #: fields that must be positive numbers or "auto" (the number of classes or targets) on an output layer
    auto: ClassVar[str | None] = None

    @staticmethod
    def given(*sizes: Any, **named_sizes: Any) -> Spec | tuple[Spec, ...]:
        """The input specs that the leading arguments of the Python module describe; sizes that do not matter are 1.

        A layer whose parameters depend on its inputs names these arguments: `def given(in_features: int) -> Spec`. An
        argument that is a field, too, is both.
        """
        return ()

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        """The parameters and buffers for these inputs, by name."""
        return {}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        """The layer's output. Pure, apart from buffers that an operation declares as its state."""
        raise NotImplementedError

    def output(self, *inputs: Spec, dtype: DType | None = None) -> Spec:
        """The spec of the output, from a forward on abstract tensors. ValueError where the inputs do not fit.

        `dtype` is that of the parameters: the inputs' where they are floats, by default.
        """
        floats = [s.dtype for s in inputs if is_float(s.dtype)]
        chosen = dtype or (floats[0] if floats else default_dtype())
        abstract = {n: Tensor._abstract(Spec(s.shape, s.dtype or chosen)) for n, s in self.params(*inputs).items()}
        xs = [Tensor._abstract(s) for s in inputs]
        with no_grad():
            return self.forward(Params(abstract), *xs, ctx=Context(training=True)).spec

    @classmethod
    def fields_in_order(cls) -> list[str]:
        """The names of the fields that a config may set, without `type`."""
        return [name for name in cls.model_fields if name != "type"]

    @classmethod
    def module_signature(cls) -> inspect.Signature:
        """The signature of the Python module: the arguments of `given`, then the fields."""
        wild = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        leading = [p for p in inspect.signature(cls.given).parameters.values() if p.kind not in wild]
        fields: list[inspect.Parameter] = []
        for name in cls.fields_in_order():
            if any(p.name == name for p in leading):
                continue
            field = cls.model_fields[name]
            default: Any = (
                inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
            )
            if default is inspect.Parameter.empty and any(f.default is not inspect.Parameter.empty for f in fields):
                fields.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY))
            else:
                fields.append(inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default))
        fields.sort(key=lambda f: f.kind)
        return inspect.Signature(leading + fields)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """A number for both spatial axes, or (height, width)."""
    return (value, value) if isinstance(value, int) else value
