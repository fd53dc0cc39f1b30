"""Initialisers, and what the layers start with."""

from __future__ import annotations

from typing import Any

import numpy as np
from adapter_modules import LAYERS, make_layer, weight_to_theirs

import nntrain
from nntrain.component import registry
from nntrain.engine.spec import Spec

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
    if kind not in LAYERS:
        raise NotImplementedError(spec["torch"])
    nntrain.manual_seed(seed)
    shape = SHAPES.get(kind, lambda a: (2, 4, 4, a["num_features"]))(spec["args"])
    layer = make_layer(kind, spec["args"], [Spec(shape)], np.dtype(np.float64))
    return {n: weight_to_theirs(kind, n, np.asarray(t.detach())) for n, t in layer.params.items()}
