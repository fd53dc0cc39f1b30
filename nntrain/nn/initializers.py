"""Initial values, drawn on the host in float64 so that every device starts alike.

`fan_in` and `fan_out` are given by the layer, because they do not follow from a channels-last shape.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from nntrain.component import Component, Variant

Values = np.ndarray[Any, np.dtype[np.float64]]


class Initializer(Component, kind="initializer"):
    """Base of all initialisers."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        """Values of a parameter, in float64."""
        raise NotImplementedError


class Zeros(Initializer):
    """All 0."""

    type: Literal["zeros"] = "zeros"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return np.zeros(shape)


class Ones(Initializer):
    """All 1."""

    type: Literal["ones"] = "ones"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return np.ones(shape)


class Constant(Initializer):
    """One number everywhere."""

    type: Literal["constant"] = "constant"
    value: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return np.full(shape, self.value)


class FanInUniform(Initializer):
    """Uniform between -1/sqrt(fan_in) and 1/sqrt(fan_in): PyTorch's default for linear and convolution layers."""

    type: Literal["fan_in_uniform"] = "fan_in_uniform"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        return rng.uniform(-bound, bound, shape)


class Normal(Initializer):
    """Normal with the given mean and standard deviation."""

    type: Literal["normal"] = "normal"
    mean: float = 0.0
    std: Annotated[float, Field(ge=0)] = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return rng.normal(self.mean, self.std, shape)


class Uniform(Initializer):
    """Uniform between two limits."""

    type: Literal["uniform"] = "uniform"
    low: float = 0.0
    high: float = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return rng.uniform(self.low, self.high, shape)


class TruncatedNormal(Initializer):
    """Normal, drawn again where outside of two limits. The limits are absolute, not multiples of std, as PyTorch's."""

    type: Literal["truncated_normal"] = "truncated_normal"
    mean: float = 0.0
    std: Annotated[float, Field(gt=0)] = 1.0
    low: float = -2.0
    high: float = 2.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        values = rng.normal(self.mean, self.std, shape)
        while (outside := (values < self.low) | (values > self.high)).any():
            values[outside] = rng.normal(self.mean, self.std, int(outside.sum()))
        return values


class XavierUniform(Initializer):
    """Uniform within gain sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    type: Literal["xavier_uniform"] = "xavier_uniform"
    gain: Annotated[float, Field(gt=0)] = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        bound = self.gain * math.sqrt(6 / max(fan_in + fan_out, 1))
        return rng.uniform(-bound, bound, shape)


class XavierNormal(Initializer):
    """Normal with standard deviation gain sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    type: Literal["xavier_normal"] = "xavier_normal"
    gain: Annotated[float, Field(gt=0)] = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return rng.normal(0.0, self.gain * math.sqrt(2 / max(fan_in + fan_out, 1)), shape)


Nonlinearity = Literal["linear", "relu", "leaky_relu", "tanh", "selu", "sigmoid"]


def gain(nonlinearity: Nonlinearity, slope: float = 0.0) -> float:
    """By what the deviation is multiplied before a nonlinearity, PyTorch's table; `slope` is that of a leaky ReLU."""
    table = {"relu": math.sqrt(2), "tanh": 5 / 3, "selu": 3 / 4}
    return math.sqrt(2 / (1 + slope * slope)) if nonlinearity == "leaky_relu" else table.get(nonlinearity, 1.0)


class KaimingUniform(Initializer):
    """Uniform within gain sqrt(3 / fan) (He et al. 2015, arXiv:1502.01852)."""

    type: Literal["kaiming_uniform"] = "kaiming_uniform"
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "relu"
    slope: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        fan = fan_in if self.mode == "fan_in" else fan_out
        bound = gain(self.nonlinearity, self.slope) * math.sqrt(3 / max(fan, 1))
        return rng.uniform(-bound, bound, shape)


class KaimingNormal(Initializer):
    """Normal with standard deviation gain / sqrt(fan) (He et al. 2015, arXiv:1502.01852)."""

    type: Literal["kaiming_normal"] = "kaiming_normal"
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: Nonlinearity = "relu"
    slope: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        fan = fan_in if self.mode == "fan_in" else fan_out
        return rng.normal(0.0, gain(self.nonlinearity, self.slope) / math.sqrt(max(fan, 1)), shape)


class Orthogonal(Initializer):
    """Orthogonal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014, arXiv:1312.6120).

    All axes but the last are taken as one: the last is that of the outputs.
    """

    type: Literal["orthogonal"] = "orthogonal"
    gain: float = 1.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        found: Values = (self.gain * (q if rows >= columns else q.T)).reshape(shape)
        return found


class Identity(Initializer):
    """The identity matrix, zeros where it is not square."""

    type: Literal["identity"] = "identity"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        if len(shape) != 2:
            raise ValueError(f"identity: a matrix is needed, not shape {shape}")
        return np.eye(*shape)


Init = Annotated[Initializer, Variant("initializer")]
