"""Initialisers, and what the layers start with."""

from __future__ import annotations

from typing import Any

import numpy as np
from adapter_modules import make_layer, weight_to_theirs

import nntrain
from nntrain.component import registry
from nntrain.engine.spec import Spec, float64, int64
from nntrain.nn.layers.attention import MultiheadAttentionSpec
from nntrain.nn.layers.sequence import EmbeddingSpec, LSTMSpec
from nntrain.nn.module import LayerModule

SEQUENCES = {"Embedding": EmbeddingSpec, "LSTM": LSTMSpec, "MultiheadAttention": MultiheadAttentionSpec}
NAMES = {"trunc_normal_": "truncated_normal"}
FIELDS = {"a": "low", "b": "high"}
SHAPES = {"Linear": lambda a: (1, a["in_features"]), "Conv2d": lambda a: (1, 8, 8, a["in_channels"])}


def init(spec: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """A draw of an initialiser, or of a layer's parameters, in PyTorch's layout."""
    kind = spec["torch"].removeprefix("nn.").removeprefix("init.")
    if spec["kind"] == "function":
        args = {FIELDS.get(k, k) if kind == "trunc_normal_" else k: v for k, v in spec["args"].items()}
        made: Any = registry["initializer"][NAMES.get(kind, kind.rstrip("_"))](**args)
        out, into, *window = spec["shape"]
        area = int(np.prod(window, dtype=int))
        drawn = made.draw(np.random.default_rng(seed), (*window, into, out), into * area, out * area)
        return {"tensor": np.moveaxis(drawn, (-1, -2), (0, 1)) if window else drawn.T}
    nntrain.manual_seed(seed)
    if kind in SEQUENCES:
        size = spec["args"].get("input_size", spec["args"].get("embed_dim", 1))
        given = {k: v for k, v in spec["args"].items() if k not in ("input_size", "embed_dim")}
        inner = LayerModule(SEQUENCES[kind](**given), [Spec((1, 1, size), int64 if kind == "Embedding" else float64)])
        return {n: np.asarray(t.detach()) for n, t in inner.params.items()}
    shape = SHAPES.get(kind, lambda a: (2, 4, 4, a["num_features"]))(spec["args"])
    layer = make_layer(kind, spec["args"], [Spec(shape)], np.dtype(np.float64))
    return {n: weight_to_theirs(kind, n, np.asarray(t.detach())) for n, t in layer.params.items()}
