"""What a network costs: figures for `nntrain summary`."""

from __future__ import annotations

import math
from typing import Any

from nntrain.build import Experiment
from nntrain.nn.network import Node


def summarize(experiment: Experiment) -> dict[str, Any]:
    """Layers with shapes, parameters and multiplications a row, and totals with the memory of a training step in bytes."""
    e = experiment
    itemsize = e.dtype.itemsize
    rows: list[dict[str, Any]] = []
    for node in e.network.nodes:
        spec = e.network.specs[node.name]
        module = e.network.members[node.name]
        trained = sum(p.size for p in module.parameters())
        rows.append(
            {
                "name": node.name,
                "type": getattr(node.layer, "type", ""),
                "inputs": list(node.inputs),
                "output": list(spec.shape[1:]),
                "parameters": trained,
                "multiplications": multiplications(e, node),
            }
        )
    batch = e.loaded.config.train.batch_size
    activations = sum(math.prod(r["output"]) for r in rows) * batch * itemsize
    slots = 2 + len(e.loaded.config.optimizer.slots())  # values, gradients, and what the rule keeps
    return {
        "name": e.loaded.config.name,
        "inputs": {name: list(shape) for name, shape in e.dataset.inputs.items()},
        "layers": rows,
        "parameters": e.parameters,
        "multiplications": sum(r["multiplications"] for r in rows),
        "memory": 2 * activations + slots * e.parameters * itemsize,
        "batch_size": batch,
    }


def multiplications(e: Experiment, node: Node) -> int:
    """Products with weights that one row's forward pass does in this layer: each use of a weight counts once."""
    out = e.network.specs[node.name].shape[1:]
    total = 0
    for name, p in e.network.members[node.name].named_parameters():
        if name.endswith("weight") and p.ndim >= 2:
            places = math.prod(out[:-1])  # positions at which the weight is used
            total += p.size * places
    return total
