"""Resizing images: separable, so a matrix for the rows and one for the columns."""

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.engine.tensor import Tensor, as_tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params, pair
from nntrain.nn.layers.conv import Positive
from nntrain.ops import functions

Matrix = np.ndarray[Any, np.dtype[np.float64]]


@cache
def nearest(size: int, out: int) -> Matrix:
    """Row i picks element floor(i size / out)."""
    return np.eye(size)[np.arange(out) * size // out]


@cache
def linear(size: int, out: int, align_corners: bool) -> Matrix:
    """Row i mixes the two elements around its place."""
    if align_corners:
        place = np.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        place = ((np.arange(out) + 0.5) * size / out - 0.5).clip(0)
    low = np.minimum(place.astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = (place - low)[:, None]
    return np.eye(size)[low] * (1 - share) + np.eye(size)[high] * share


@cache
def average(size: int, out: int) -> Matrix:
    """Row i averages elements floor(i size / out) to ceil((i + 1) size / out)."""
    matrix = np.zeros((out, size))
    for i in range(out):
        start, stop = i * size // out, -(-(i + 1) * size // out)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def resize(x: Tensor, rows: Matrix, columns: Matrix) -> Tensor:
    """rows x columns^T for each channel of images (n h w c)."""
    r, c = (as_tensor(m.astype(x.dtype), x) for m in (rows, columns))
    return functions.einsum("ph,nhwc,qw->npqc", r, x, c)


class UpsampleSpec(Layer):
    """Images in another size: (n, height, width, c) -> (n, height', width', c)."""

    type: Literal["upsample"] = "upsample"

    examples: ClassVar[Any] = (
        ({"scale_factor": 2}, ((2, 3, 4, 2),)),
        ({"size": (5, 7), "mode": "bilinear"}, ((2, 3, 4, 2),)),
    )
    size: Positive | tuple[Positive, Positive] | None = Field(None, description="the new size, or [height, width]")
    scale_factor: Positive | tuple[Positive, Positive] | None = Field(None, description="how many times larger")
    mode: Literal["nearest", "bilinear"] = Field("nearest", description="how elements between are found")
    align_corners: bool = Field(False, description="bilinear: the corners keep their values")

    @model_validator(mode="after")
    def _has_a_size(self) -> "UpsampleSpec":
        if (self.size is None) == (self.scale_factor is None):
            raise PydanticCustomError("upsample_size", "give one of 'size' and 'scale_factor'")
        return self

    def forward(self, p: Params, *xs: Tensor, ctx: Context) -> Tensor:
        if xs[0].ndim != 4:
            raise ValueError(f"upsample needs images (n, height, width, channels), not shape {xs[0].shape}")
        h, w = xs[0].shape[1:3]
        if self.size is not None:
            oh, ow = pair(self.size)
        else:
            fh, fw = pair(self.scale_factor or 1)
            oh, ow = h * fh, w * fw
        if self.mode == "nearest":
            return resize(xs[0], nearest(h, oh), nearest(w, ow))
        return resize(xs[0], linear(h, oh, self.align_corners), linear(w, ow, self.align_corners))
