"""Layers over sequences: embeddings, positions, recurrences. Sequences are (rows, time, channels)."""

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nntrain.engine.graph import apply
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.context import Context
from nntrain.nn.initializers import Init, Initializer, Normal, Uniform
from nntrain.nn.layer import Layer, Params, ParamSpec
from nntrain.nn.layers.conv import Positive
from nntrain.ops import functions


class _PaddedNormal(Initializer):
    """Standard normal rows, one of them zero."""

    row: int

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        values = rng.standard_normal(shape)
        values[self.row] = 0
        return values


class EmbeddingSpec(Layer):
    """A learned vector for each number: integers (...) -> (..., embedding_dim).

    Weight (num_embeddings, embedding_dim), standard normal at first. The vector of `padding_idx` is 0 and stays so.
    """

    type: Literal["embedding"] = "embedding"
    num_embeddings: Positive = Field(description="numbers are 0 to this less 1")
    embedding_dim: Positive = Field(description="size of the vectors")
    padding_idx: int | None = Field(None, description="number whose vector is 0; negative ones count from the end")
    init: Init = Field(Normal(), description="initial vectors")

    examples: ClassVar[Any] = (({"num_embeddings": 5, "embedding_dim": 3}, (("int", 5, 2, 4),)),)

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs and inputs[0].dtype.kind not in "iu":
            raise ValueError(f"embedding needs whole numbers, not {inputs[0].dtype}")
        if self.padding_idx is not None and not -self.num_embeddings <= self.padding_idx < self.num_embeddings:
            raise ValueError(f"embedding: padding_idx {self.padding_idx} is none of {self.num_embeddings} numbers")
        init = self.init if self.padding_idx is None else _PaddedNormal(row=self.padding_idx)
        shape = (self.num_embeddings, self.embedding_dim)
        return {"weight": ParamSpec(shape, init, self.num_embeddings, self.embedding_dim)}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        row = None if self.padding_idx is None else self.padding_idx % self.num_embeddings
        return apply("embedding", p["weight"], xs[0], padding_idx=row)


class PositionalSpec(Layer):
    """Adds to each step of a sequence (rows, time, channels) a vector that tells its place.

    `learned`: weight (max_len, channels), normal with deviation 0.02. `sinusoidal`: sines and cosines of wave lengths from
    2 pi to 10000 2 pi (Vaswani et al. 2017, arXiv:1706.03762).
    """

    type: Literal["positional"] = "positional"
    encoding: Literal["learned", "sinusoidal"] = Field("learned", description="learned or sinusoidal")
    max_len: Positive = Field(1024, description="longest sequence")

    examples: ClassVar[Any] = (({}, ((2, 4, 6),)), ({"encoding": "sinusoidal"}, ((2, 4, 6),)))

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 3:
            raise ValueError(f"positional needs sequences (rows, time, channels), not shape {inputs[0].shape}")
        if inputs[0].shape[1] > self.max_len:
            raise ValueError(f"positional: sequences of {inputs[0].shape[1]} steps, max_len is {self.max_len}")
        shape = (self.max_len, inputs[0].shape[2])
        return {"weight": ParamSpec(shape, Normal(std=0.02))} if self.encoding == "learned" else {}

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        time, channels = xs[0].shape[1:]
        if self.encoding == "learned":
            return xs[0] + p["weight"][:time]
        return xs[0] + as_tensor(sinusoids(time, channels).astype(xs[0].dtype), xs[0])


def sinusoids(time: int, channels: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(time, channels): sines in the even columns, cosines in the odd ones."""
    rate = np.exp(np.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    angle = np.arange(time)[:, None] * rate
    found = np.zeros((time, channels))
    found[:, 0::2] = np.sin(angle)
    found[:, 1::2] = np.cos(angle[:, : channels // 2])
    return found


class _Recurrent(Layer):
    """What rnn, gru and lstm share: layers, directions, dropout between layers."""

    hidden_size: Positive = Field(description="size of the state")
    num_layers: Positive = Field(1, description="recurrences on top of each other")
    bias: bool = Field(True, description="two learned constants, as PyTorch's")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout between layers")
    bidirectional: bool = Field(False, description="a second recurrence from the end, its output beside the first's")
    returns: Literal["sequence", "last"] = Field("sequence", description="all steps, or the state after the last one")

    gates: ClassVar[int] = 1
    op: ClassVar[str] = ""
    examples: ClassVar[Any] = (
        ({"hidden_size": 3}, ((2, 4, 2),)),
        ({"hidden_size": 2, "num_layers": 2, "bidirectional": True, "returns": "last"}, ((2, 3, 2),)),
    )

    @staticmethod
    def given(input_size: int) -> Spec:
        return Spec((1, 1, input_size))

    def directions(self) -> list[tuple[str, bool]]:
        """Suffix of the parameters' names, and whether time runs backwards."""
        return [("", False), ("_reverse", True)] if self.bidirectional else [("", False)]

    def params(self, *inputs: Spec) -> dict[str, ParamSpec]:
        if inputs[0].ndim != 3:
            raise ValueError(f"{self.op} needs sequences (rows, time, channels), not shape {inputs[0].shape}")
        bound = 1 / math.sqrt(self.hidden_size)
        init, width = Uniform(low=-bound, high=bound), self.gates * self.hidden_size
        found: dict[str, ParamSpec] = {}
        size = inputs[0].shape[2]
        for layer in range(self.num_layers):
            for suffix, _ in self.directions():
                name = f"l{layer}{suffix}"
                found[f"weight_ih_{name}"] = ParamSpec((size, width), init, size, width)
                found[f"weight_hh_{name}"] = ParamSpec((self.width(), width), init, self.width(), width)
                if self.bias:
                    found[f"bias_ih_{name}"] = ParamSpec((width,), init)
                    found[f"bias_hh_{name}"] = ParamSpec((width,), init)
                if self.width() != self.hidden_size:
                    found[f"weight_hr_{name}"] = ParamSpec((self.hidden_size, self.width()), init)
            size = self.width() * len(self.directions())
        return found

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        y, states = self.run(p, xs[0], ctx=ctx, mask=xs[1] if len(xs) > 1 else None)
        if self.returns == "sequence":
            return y
        last = [states[0][i] for i in range(len(states[0]))][-len(self.directions()) :]
        return last[0] if len(last) == 1 else functions.concat(last, 1)

    def run(
        self, p: Params, x: Tensor, ctx: Context, mask: Tensor | None = None, start: tuple[Tensor, ...] | None = None
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """The outputs of the top layer, and the last states (h, and c of an LSTM) of each layer and direction.

        `mask` (rows, time) is true where a step counts; `start` are the first states, each (layers directions, rows,
        hidden).
        """
        kinds = 2 if self.op == "lstm" else 1
        states: list[list[Tensor]] = [[] for _ in range(kinds)]
        number = 0
        for layer in range(self.num_layers):
            outputs = []
            for suffix, reverse in self.directions():
                name = f"l{layer}{suffix}"
                if start is None:
                    first = [_zeros(x, width) for width in (self.width(), self.hidden_size)[:kinds]]
                else:
                    first = [s[number] for s in start]
                weights = [p[f"weight_ih_{name}"], p[f"weight_hh_{name}"]]
                biases = [p.get(f"bias_ih_{name}"), p.get(f"bias_hh_{name}")]
                more = [p.get(f"weight_hr_{name}")] if self.op == "lstm" else []
                y, *last = apply(
                    self.op, x, *first, *weights, *biases, mask, *more, reverse=reverse, **self.attributes()
                )
                outputs.append(y)
                for kept, state in zip(states, last, strict=True):
                    kept.append(state)
                number += 1
            x = outputs[0] if len(outputs) == 1 else functions.concat(outputs, 2)
            if self.dropout and ctx.training and layer + 1 < self.num_layers:
                counter, key = ctx.at(f"dropout{layer}").stream(x)
                x = apply("dropout", x, counter, p=self.dropout, key=key)
        return x, states

    def attributes(self) -> dict[str, Any]:
        """Further attributes of the op."""
        return {}

    def width(self) -> int:
        """Size of one direction's output."""
        return self.hidden_size


def _zeros(x: Tensor, width: int) -> Tensor:
    """A first state for the rows of x; abstract where x is."""
    if x._array is None:
        return Tensor._abstract(x.spec.of(x.shape[0], width))
    return functions.zeros(x.shape[0], width, dtype=x.dtype, device=x.device)


class RNNSpec(_Recurrent):
    """h' = f(x W + b + h U + c) (Elman 1990): (rows, time, in) -> (rows, time, hidden), or (rows, hidden) of the last step.

    Parameters weight_ih_l0 (in, hidden), weight_hh_l0 (hidden, hidden), bias_ih_l0, bias_hh_l0, uniform within
    1/sqrt(hidden); `_l1` for the next layer, `_reverse` for the other direction.
    """

    type: Literal["rnn"] = "rnn"
    nonlinearity: Literal["tanh", "relu"] = Field("tanh", description="f")

    op: ClassVar[str] = "rnn"

    def attributes(self) -> dict[str, Any]:
        return {"relu": self.nonlinearity == "relu"}


class GRUSpec(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078); shapes and parameters as rnn's, three gates r z n wide."""

    type: Literal["gru"] = "gru"

    gates: ClassVar[int] = 3
    op: ClassVar[str] = "gru"


class LSTMSpec(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997); shapes and parameters as rnn's, four gates i f g o wide.

    With `proj_size` the outputs are projected to that size by weight_hr_l0 (hidden, proj) (Sak et al. 2014).
    """

    type: Literal["lstm"] = "lstm"
    proj_size: Positive | None = Field(None, description="size that outputs are projected to")

    def width(self) -> int:
        return self.proj_size or self.hidden_size

    gates: ClassVar[int] = 4
    op: ClassVar[str] = "lstm"
    examples: ClassVar[Any] = (
        ({"hidden_size": 3}, ((2, 4, 2),)),
        ({"hidden_size": 3, "proj_size": 2, "num_layers": 2, "bidirectional": True, "returns": "last"}, ((2, 3, 2),)),
    )
