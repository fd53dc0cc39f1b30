"""Gradient checks of everything in the op table, and of the network of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nntrain import ops as _ops  # fills the op table
from nntrain.backend.random import generator
from nntrain.build import Experiment, build
from nntrain.component import registry
from nntrain.config import load
from nntrain.data import batches
from nntrain.engine.gradcheck import FLOAT32_TOLERANCE, Check, check_op, difference
from nntrain.engine.gradcheck import gradcheck as check_function
from nntrain.engine.op import ops
from nntrain.engine.spec import float32, float64
from nntrain.engine.tensor import Tensor
from nntrain.errors import ConfigError
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer
from nntrain.nn.losses import Loss
from nntrain.nn.module import LayerModule
from nntrain.train.step import to_device, to_tensor

SEED = 7
ROWS = 8  # of the batch a network is checked on

assert _ops


def check_ops(name: str | None = None) -> list[Check]:
    """Every op, layer and loss (or one op): references against central differences, all implementations against them."""
    if name is None:
        return [check for op in ops.values() for check in check_op(op)] + check_layers() + check_losses()
    if name not in ops:
        from nntrain.config.suggest import closest

        near = closest(name, ops)
        raise ConfigError(
            f"no op is named {name!r}: " + (f"did you mean {near[0]}?" if near else ", ".join(sorted(ops)))
        )
    return check_op(ops[name])


def check_layers() -> list[Check]:
    """Every registered layer on its examples, in training mode and float64: the gradients of inputs and parameters."""
    checks = []
    for name, layer in sorted(registry["layer"].items()):
        assert issubclass(layer, Layer)
        for fields, shapes in layer.examples:
            checks += _check_layer(f"layer {name}", layer.model_validate(fields), [_example(s) for s in shapes])
    return checks


def _check_layer(subject: str, layer: Layer, inputs: list[Tensor]) -> list[Check]:
    module = LayerModule(layer, [x.spec for x in inputs], dtype=float64, rng=generator(SEED, subject))
    for tensor in module.params.values():  # away from the zeros and ones that many start with
        if tensor.dtype.kind == "f":
            tensor._array[...] += generator(SEED, "shift").uniform(0.1, 0.3, tensor.shape)
    buffers = {n: np.array(t) for n, t in module.named_buffers()}

    def value() -> Tensor:
        for n, t in module.named_buffers():
            t._array[...] = buffers[n]
        ctx = Context(training=True, seed=SEED, counter=Tensor(np.zeros(3, np.uint32)))
        y = module.forward(*inputs, ctx=ctx)
        return (y * generator(SEED, "cotangent").standard_normal(y.shape)).sum()

    leaves = {f"input {i}": x for i, x in enumerate(inputs) if x.requires_grad} | dict(module.named_parameters())
    return check_function(value, leaves, subject)


def check_losses() -> list[Check]:
    """Every registered loss on its examples, in float64: the gradient of the output."""
    checks = []
    for name, loss in sorted(registry["loss"].items()):
        assert issubclass(loss, Loss)
        for fields, *shapes in loss.examples:
            output, *others = (_example(shape, f"input {i}") for i, shape in enumerate(shapes))
            for other in others:
                other.requires_grad = False
            checks += _check_loss(f"loss {name}", loss.model_validate(fields), output, others)
    return checks


def _check_loss(subject: str, spec: Loss, output: Tensor, others: list[Tensor]) -> list[Check]:
    def value() -> Tensor:
        total, weight = spec.pair(output, *others)
        return total / weight

    return check_function(value, {"output": output}, subject)


def _example(shape: tuple[Any, ...], role: str = "input") -> Tensor:
    """Values for an example; `Loss.examples` says what the marks mean. Plain numbers keep away from 0 and each other."""
    rng = generator(SEED, role, *map(str, shape))
    if shape and shape[0] == "int":
        return Tensor(rng.integers(0, shape[1], shape[2:]))
    if shape and shape[0] == "all":
        return Tensor(np.full(shape[2:], shape[1]))
    if shape and shape[0] == "sign":
        return Tensor(rng.choice([-1.0, 1.0], shape[1:]), dtype=float64)
    if shape and shape[0] == "share":
        return Tensor(rng.uniform(0.1, 0.9, shape[1:]), dtype=float64, requires_grad=True)
    size = int(np.prod(shape, dtype=np.int64))
    spread = (rng.permutation(size) - size / 2 + 0.35) * (3.0 / max(size, 1))
    return Tensor(spread.reshape(shape), dtype=float64, requires_grad=True)


def check_config(path: str) -> list[Check]:
    """Every parameter of a config's network on a few of its training rows, in training mode.

    In float64 against central differences, through the dispatch that trains it; then the float32 gradients against the
    float64 ones.
    """
    loaded = load(path)
    exact = build(loaded, dtype=float64)
    checks = check_function(lambda: _loss(exact), dict(exact.network.named_parameters()), "network")
    wide = _gradients(exact)
    narrow = build(loaded, dtype=float32, data=exact.dataset)
    checks = [_named(exact, check) for check in checks]
    for name, gradient in _gradients(narrow).items():
        error, at = difference(gradient, wide[name])
        error *= max(1.0, float(np.abs(wide[name]).max(initial=0.0))) / max(
            float(np.abs(wide[name]).max(initial=0.0)), 1e-3
        )
        checks.append(
            _named(
                exact,
                Check("network", f"gradient of {name}", "as trained", "float32", error, 50 * FLOAT32_TOLERANCE, at),
            )
        )
    return checks


def _loss(e: Experiment) -> Tensor:
    batch = next(iter(batches(e.dataset.splits["train"], ROWS)))
    ctx = Context(
        training=True, seed=e.loaded.config.seed, counter=Tensor(np.zeros(3, np.uint32), device=e.backend.name)
    )
    output = e.network.forward(to_device(e, batch.inputs), ctx)
    total, weight = e.loss.pair(output, to_tensor(e, batch.target))
    return total / weight


def _gradients(e: Experiment) -> Mapping[str, Any]:
    e.flat.zero_grad()
    _loss(e).backward()
    return {
        n: np.array(e.backend.to_host(p.grad._array)) if p.grad is not None else np.zeros(p.shape)
        for n, p in e.network.named_parameters()
    }


def _named(e: Experiment, check: Check) -> Check:
    """The check with the layer's number and type as its subject."""
    from dataclasses import replace

    layer = check.what.removeprefix("gradient of ").split(".")[0]
    for i, node in enumerate(e.network.nodes):
        if node.name == layer:
            return replace(check, subject=f"layers[{i}] {node.name}")
    return check
