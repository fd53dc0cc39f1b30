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


class KaimingNormal(Initializer):
    """Normal with standard deviation sqrt(2 / fan_in), for layers before a ReLU (He et al. 2015, arXiv:1502.01852)."""

    type: Literal["kaiming_normal"] = "kaiming_normal"

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Values:
        return rng.normal(0.0, math.sqrt(2 / max(fan_in, 1)), shape)


Init = Annotated[Initializer, Variant("initializer")]
