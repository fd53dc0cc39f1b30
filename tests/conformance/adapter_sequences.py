"""Sequence layers: PyTorch's (time, rows, channels) unless batch_first, and weights (out, in)."""

from __future__ import annotations

from typing import Any

import numpy as np

import nntrain
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layers.attention import MultiheadAttentionSpec, TransformerEncoderLayerSpec
from nntrain.nn.layers.sequence import EmbeddingSpec, GRUSpec, LSTMSpec, RNNSpec
from nntrain.nn.module import LayerModule

Arrays = dict[str, np.ndarray]
RECURRENT = {"LSTM": LSTMSpec, "GRU": GRUSpec, "RNN": RNNSpec}
SKIPPED = ("input_size", "batch_first", "embed_dim", "d_model", "kdim", "vdim")


def weight(name: str, a: np.ndarray) -> np.ndarray:
    """Matrices are transposed; embeddings are not."""
    return a.T if a.ndim == 2 and not name.startswith("embedding") else a


def finish(
    layer: LayerModule, tensors: dict[str, Tensor], outputs: list[Tensor], cotangents: list[np.ndarray]
) -> Arrays:
    """Outputs and gradients."""
    found: Arrays = {f"out.{i}": np.asarray(y) for i, y in enumerate(outputs)}
    for y, c in zip(outputs, cotangents, strict=False):
        if y.requires_grad:
            y.backward(c, retain_graph=True)
    for name, t in tensors.items():
        if t.requires_grad:
            found[f"gin.{name}"] = np.zeros(t.shape) if t.grad is None else np.asarray(t.grad)
    for name, t in layer.params.items():
        grad = np.zeros(t.shape) if t.grad is None else np.asarray(t.grad)
        found[f"gparam.{name}"] = grad if isinstance(layer.spec, EmbeddingSpec) else weight(name, grad)
    return found


def fill(layer: LayerModule, params: Arrays) -> None:
    """PyTorch's parameters, put into ours."""
    for name, a in params.items():
        layer.params[name]._array[...] = a if isinstance(layer.spec, EmbeddingSpec) else weight(name, a)


def module(
    spec: dict[str, Any],
    args: dict[str, Any],
    params: Arrays,
    buffers: Arrays,
    inputs: Arrays,
    cotangents: list[np.ndarray],
    dtype: np.dtype,
) -> Arrays:
    """One case about sequences."""
    kind = spec["torch"].removeprefix("nn.")
    given = {k: v for k, v in args.items() if k not in SKIPPED}
    tensors = {n: nntrain.tensor(a, requires_grad=a.dtype.kind == "f") for n, a in inputs.items()}
    ctx = Context(training=spec["mode"] == "train")
    if kind == "Embedding":
        layer = LayerModule(EmbeddingSpec(**given), [tensors["idx"].spec], dtype=dtype)
        fill(layer, params)
        return finish(layer, tensors, [layer(tensors["idx"], ctx=ctx)], cotangents)
    if kind in RECURRENT:
        return recurrent(RECURRENT[kind](**given), args, params, tensors, cotangents, dtype, ctx)
    if kind == "MultiheadAttention":
        return attention(spec, given, params, tensors, cotangents, dtype, ctx)
    if kind == "TransformerEncoderLayer":
        given["num_heads"] = given.pop("nhead")
        layer = LayerModule(TransformerEncoderLayerSpec(**given), [tensors["x"].spec], dtype=dtype)
        fill(layer, params)
        return finish(layer, tensors, [layer(tensors["x"], ctx=ctx)], cotangents)
    raise NotImplementedError(spec["torch"])


def recurrent(
    layer_spec: Any,
    args: dict[str, Any],
    params: Arrays,
    tensors: dict[str, Tensor],
    cotangents: list[np.ndarray],
    dtype: np.dtype,
    ctx: Context,
) -> Arrays:
    """rnn, gru and lstm: the sequence, then the last states (layers directions, rows, hidden)."""
    first = args.get("batch_first", False)
    x = tensors["x"] if first else tensors["x"].swapaxes(0, 1)
    layer = LayerModule(layer_spec, [x.spec], dtype=dtype)
    fill(layer, params)
    mask = None
    if "lengths" in tensors:
        mask = nntrain.tensor(np.arange(x.shape[1]) < np.asarray(tensors["lengths"])[:, None])
    start = tuple(tensors[n] for n in ("h_0", "c_0") if n in tensors) or None
    from nntrain.nn.layer import Params

    y, states = layer_spec.run(Params(layer.params), x, ctx=ctx, mask=mask, start=start)
    outputs = [y if first else y.swapaxes(0, 1)] + [nntrain.stack(s, 0) for s in states]
    return finish(layer, tensors, outputs, cotangents)


def attention(
    spec: dict[str, Any],
    given: dict[str, Any],
    params: Arrays,
    tensors: dict[str, Tensor],
    cotangents: list[np.ndarray],
    dtype: np.dtype,
    ctx: Context,
) -> Arrays:
    """multihead_attention: PyTorch's masks are true where a key is blocked, and its weights are means over heads."""
    q, k, v = (tensors[n] for n in (("query", "key", "value") if spec["call"] == "mha" else ("x", "x", "x")))
    layer_spec = MultiheadAttentionSpec(**given)
    layer = LayerModule(layer_spec, [q.spec, k.spec, v.spec], dtype=dtype)
    fill(layer, params)
    blocked = np.zeros((q.shape[0], 1, q.shape[1], k.shape[1]), bool)
    if "attn_mask" in tensors:
        blocked |= np.asarray(tensors["attn_mask"])
    if "key_padding_mask" in tensors:
        blocked |= np.asarray(tensors["key_padding_mask"])[:, None, None, :]
    from nntrain.nn.layer import Params

    out, weights = layer_spec.attend(Params(layer.params), q, k, v, ctx=ctx, mask=nntrain.tensor(~blocked))
    return finish(layer, tensors, [out, weights.mean(axis=1)], cotangents)
