"""Layers and losses: PyTorch's names, axes and weight layouts, translated.

PyTorch's images are (n c h w), its sequences (n c t), its convolution weights (o i kh kw), its linear weights (out in); here
channels are last, weights (kh kw i o) and (in out).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

import nntrain
from nntrain.component import registry
from nntrain.engine.spec import Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer
from nntrain.nn.module import LayerModule

sequences: Callable[..., dict[str, np.ndarray]] | None = None
with contextlib.suppress(ImportError):
    from adapter_sequences import module as sequences

Arrays = dict[str, np.ndarray]

# our type, and our names of arguments where they differ (None: not an argument here)
SIZES = ("in_features", "in1_features", "in2_features", "in_channels", "num_features", "num_channels")
LAYERS: dict[str, str] = {
    "Linear": "linear",
    "Bilinear": "bilinear",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "SELU": "selu",
    "CELU": "celu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Softplus": "softplus",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Tanh": "tanh",
    "Softsign": "softsign",
    "Hardtanh": "hardtanh",
    "Hardswish": "hardswish",
    "Hardsigmoid": "hardsigmoid",
    "PReLU": "prelu",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "GLU": "glu",
    "Conv1d": "conv1d",
    "Conv2d": "conv2d",
    "ConvTranspose1d": "conv_transpose1d",
    "ConvTranspose2d": "conv_transpose2d",
    "MaxPool1d": "max_pool1d",
    "MaxPool2d": "max_pool2d",
    "AvgPool1d": "avg_pool1d",
    "AvgPool2d": "avg_pool2d",
    "AdaptiveAvgPool2d": "adaptive_avg_pool2d",
    "AdaptiveMaxPool2d": "adaptive_max_pool2d",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "LayerNorm": "layer_norm",
    "GroupNorm": "group_norm",
    "InstanceNorm2d": "instance_norm",
    "RMSNorm": "rms_norm",
    "LocalResponseNorm": "local_response_norm",
    "Dropout": "dropout",
    "Upsample": "upsample",
    "PixelShuffle": "pixel_shuffle",
    "ReflectionPad2d": "pad",
}
CHANNELS_FIRST = (
    "Conv", "MaxPool", "AvgPool", "Adaptive", "BatchNorm", "GroupNorm", "InstanceNorm", "LocalResponse", "Upsample",
    "PixelShuffle", "ReflectionPad", "PReLU",
)  # fmt: skip
LOSS_INPUTS = {"BCELoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss"}


def to_last(a: np.ndarray) -> np.ndarray:
    """(n c ...) to (n ... c)."""
    return np.ascontiguousarray(np.moveaxis(a, 1, -1)) if a.ndim > 2 else a


def to_first(a: np.ndarray) -> np.ndarray:
    """(n ... c) to (n c ...)."""
    return np.moveaxis(a, -1, 1) if a.ndim > 2 else a


def weight_to_ours(kind: str, name: str, a: np.ndarray) -> np.ndarray:
    """A weight of PyTorch in our layout."""
    if name != "weight":
        return a
    if kind.startswith("ConvTranspose"):  # (i o k...) -> (k... i o)
        return np.moveaxis(a, (0, 1), (-2, -1))
    if kind.startswith("Conv"):  # (o i k...) -> (k... i o)
        return np.moveaxis(a, (0, 1), (-1, -2))
    return a.T if kind == "Linear" else a


def weight_to_theirs(kind: str, name: str, a: np.ndarray) -> np.ndarray:
    """The inverse of `weight_to_ours`."""
    if name != "weight":
        return a
    if kind.startswith("ConvTranspose"):
        return np.moveaxis(a, (-2, -1), (0, 1))
    if kind.startswith("Conv"):
        return np.moveaxis(a, (-1, -2), (0, 1))
    return a.T if kind == "Linear" else a


def make_layer(kind: str, args: dict[str, Any], inputs: list[Spec], dtype: np.dtype) -> LayerModule:
    """Our module for PyTorch's class and arguments."""
    if kind not in LAYERS:
        raise NotImplementedError(f"nn.{kind}")
    spec_class: Any = registry["layer"][LAYERS[kind]]
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in args.items() if k not in SIZES}
    if kind == "ReflectionPad2d":
        given["mode"] = "reflect"
    layer: Layer = spec_class(**given)
    return LayerModule(layer, inputs, dtype=dtype)


def module(
    spec: dict[str, Any],
    args: dict[str, Any],
    params: Arrays,
    buffers: Arrays,
    inputs: Arrays,
    cotangents: list[np.ndarray],
    dtype: np.dtype,
) -> Arrays:
    """One case of the category modules."""
    kind = spec["torch"].removeprefix("nn.")
    if kind.endswith("Loss"):
        return loss(spec, kind, args, inputs, cotangents, dtype)
    if kind not in LAYERS and sequences is not None:
        return sequences(spec, args, params, buffers, inputs, cotangents, dtype)
    moved = kind.startswith(CHANNELS_FIRST)
    tensors = {
        n: nntrain.tensor(to_last(a) if moved else a, requires_grad=bool(a.dtype.kind == "f"))
        for n, a in inputs.items()
    }
    layer = make_layer(kind, args, [t.spec for t in tensors.values()], dtype)
    for name, a in {**params, **buffers}.items():
        layer.params[name]._array[...] = weight_to_ours(kind, name, np.asarray(a))
    training = spec["mode"] == "train"

    if spec["call"] == "train_sequence":
        *batches, last = tensors.values()
        outputs = [layer(x, ctx=Context(training=True)) for x in batches]
        outputs.append(layer(last, ctx=Context(training=False)))
    elif spec["call"] == "reuse":
        (x,) = tensors.values()
        outputs = [layer(layer(x) + x)]
    else:
        outputs = [layer(*tensors.values(), ctx=Context(training=training))]

    found: Arrays = {f"out.{i}": to_first(np.asarray(y)) if moved else np.asarray(y) for i, y in enumerate(outputs)}
    for y, c in zip(outputs, cotangents, strict=True):
        if y.requires_grad:
            y.backward(to_last(c) if moved else c, retain_graph=True)
    for name, t in tensors.items():
        if t.requires_grad:
            grad = np.zeros(t.shape) if t.grad is None else np.asarray(t.grad)
            found[f"gin.{name}"] = to_first(grad) if moved else grad
    for name, t in layer.params.items():
        grad = np.zeros(t.shape) if t.grad is None else np.asarray(t.grad)
        found[f"gparam.{name}"] = weight_to_theirs(kind, name, grad)
        found[f"bufafter.{name}"] = np.asarray(t)
    return found


def loss(
    spec: dict[str, Any], kind: str, args: dict[str, Any], inputs: Arrays, cotangents: list[np.ndarray], dtype: np.dtype
) -> Arrays:
    """A loss: the output is a number, or one for each element with reduction none."""
    given = {k: tuple(float(x) for x in v) if isinstance(v, np.ndarray) else v for k, v in args.items()}
    if given.get("reduction") == "batchmean":  # what the mean of a divergence is here
        given["reduction"] = "mean"
    if kind == "CTCLoss":  # (time, rows, classes) there
        inputs = {n: np.swapaxes(a, 0, 1) if n == "log_probs" else a for n, a in inputs.items()}
    try:
        made = getattr(nntrain.nn, kind)(**given)
    except AttributeError:
        raise NotImplementedError(f"nn.{kind}") from None
    moved = kind in ("CrossEntropyLoss", "NLLLoss")  # classes are the last axis here, the second there
    tensors: dict[str, Tensor] = {}
    for n, a in inputs.items():
        soft = moved and a.dtype.kind == "f"
        tensors[n] = nntrain.tensor(to_last(a) if soft else a, requires_grad=bool(a.dtype.kind == "f"))
    given_tensors = dict(tensors)
    if kind == "CTCLoss":  # PyTorch's gradient is that of the logits behind the log-probabilities
        given_tensors["log_probs"] = tensors["log_probs"].log_softmax(-1)
    y = made(*given_tensors.values())
    y.backward(cotangents[0])
    found: Arrays = {"out.0": np.asarray(y)}
    found |= {f"bufafter.{k}": v for k, v in args.items() if isinstance(v, np.ndarray)}
    for n, t in tensors.items():
        if t.requires_grad and t.grad is not None:
            grad = to_first(np.asarray(t.grad)) if moved else np.asarray(t.grad)
            found[f"gin.{n}"] = np.swapaxes(grad, 0, 1) if n == "log_probs" else grad
    return found
