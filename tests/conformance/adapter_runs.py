"""Whole training runs, and the traps that name well-known mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from adapter_modules import make_layer, to_last, weight_to_ours, weight_to_theirs
from adapter_training import make_optimizer, make_schedule

import nntrain
from nntrain import metrics as _metrics
from nntrain import nn, optim
from nntrain.component import registry
from nntrain.data.columns import Numeric
from nntrain.data.raw import RawTable
from nntrain.engine.graph import no_grad
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.losses import CrossEntropySpec, Loss, MSESpec
from nntrain.optim import Plan, clip_grad_norm_

assert _metrics
Arrays = dict[str, np.ndarray]


class Model:
    """A network with PyTorch's names: parameters by name, and how to call it."""

    def __init__(self, layers: dict[str, tuple[str, Any]], call: Callable[[Model, Tensor, Context], Tensor]) -> None:
        self.layers = {name: layer for name, (_, layer) in layers.items()}
        self.kinds = {name: kind for name, (kind, _) in layers.items()}
        self.call = call

    def named(self) -> list[tuple[str, Any]]:
        return [(f"{n}.{k}", t) for n, layer in self.layers.items() for k, t in layer.params.items()]

    def parameters(self) -> list[Any]:
        return [t for _, t in self.named() if t.requires_grad]

    def weights(self) -> Arrays:
        return {n: self._turn(n, np.array(t.detach()), weight_to_theirs) for n, t in self.named()}

    def load(self, values: Arrays) -> None:
        for n, t in self.named():
            t._array[...] = self._turn(n, values[n], weight_to_ours)

    def _turn(self, name: str, a: np.ndarray, turn: Callable[[str, str, np.ndarray], np.ndarray]) -> np.ndarray:
        layer, _, own = name.partition(".")
        kind = self.kinds[layer]
        if kind == "flat":  # the columns after a flatten: (c h w) there, (h w c) here
            square = (6, 2, 2)
            if own == "weight" and turn is weight_to_ours:
                return a.reshape(-1, *square).transpose(2, 3, 1, 0).reshape(24, -1)
            return a.reshape(2, 2, 6, -1).transpose(3, 2, 0, 1).reshape(-1, 24) if own == "weight" else a
        if kind in ("sequence", "block"):
            return a.T if a.ndim == 2 else a
        return turn(kind, own, a)


def make_model(spec: dict[str, Any], x: np.ndarray, dtype: np.dtype) -> Model:
    """The network of a case."""
    if isinstance(spec["model"], list):
        images = x.ndim == 4
        value = nntrain.tensor(to_last(x)[:2], dtype=dtype)
        layers: dict[str, tuple[str, Any]] = {}
        for item in spec["model"]:
            kind = item["torch"].removeprefix("nn.")
            made = nn.Flatten() if kind == "Flatten" else make_layer(kind, item["args"], [value.spec], dtype)
            value = made(value, ctx=Context(training=True)).detach()
            layers[item["name"]] = ("flat" if images and kind == "Linear" else kind, made)

        def through(model: Model, x: Tensor, ctx: Context) -> Tensor:
            for layer in model.layers.values():
                x = layer(x, ctx=ctx)
            return x

        return Model(layers, through)
    if spec["id"].startswith("gru"):
        gru, head = nn.GRU(3, 6, returns="last", dtype=dtype), nn.Linear(6, 2, dtype=dtype)
        return Model(
            {"gru": ("sequence", gru), "head": ("Linear", head)},
            lambda m, x, ctx: m.layers["head"](m.layers["gru"](x, ctx=ctx)),
        )
    block = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation="gelu", norm_first=True, causal=True, dtype=dtype
    )
    layers = {
        "tok": ("Embedding", nn.Embedding(11, 8, dtype=dtype)),
        "pos": ("Embedding", nn.Embedding(6, 8, dtype=dtype)),
        "block": ("block", block),
        "norm": ("LayerNorm", nn.LayerNorm(8, dtype=dtype)),
        "head": ("Linear", nn.Linear(8, 11, dtype=dtype)),
    }

    def language(m: Model, x: Tensor, ctx: Context) -> Tensor:
        places = nntrain.tensor(np.arange(x.shape[1]))
        value = m.layers["tok"](x) + m.layers["pos"](places)
        return m.layers["head"](m.layers["norm"](m.layers["block"](value, ctx=ctx)))

    return Model(layers, language)


def train(spec: dict[str, Any], a: Arrays, dtype: np.dtype) -> Arrays:
    """A run in the loop of this package: sums and weights, clipping, schedules, evaluation over all rows."""
    data = {k.removeprefix("data."): v for k, v in a.items() if k.startswith("data.")}
    data = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in data.items()}
    model = make_model(spec, data["x"], dtype)
    model.load({k.removeprefix("init."): v for k, v in a.items() if k.startswith("init.")})
    loss: Loss = MSESpec() if spec["loss"]["torch"] == "nn.MSELoss" else CrossEntropySpec(**spec["loss"]["args"])
    params: Any = model.parameters()
    settings = dict(spec["optim"]["args"])
    if spec["optim"].get("no_decay_1d"):
        decay = spec["optim"]["weight_decay"]
        params = [
            {"params": [p for p in params if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in params if p.ndim <= 1], "weight_decay": 0.0},
        ]
    optimizer = make_optimizer(spec["optim"]["torch"], settings, params)
    rows, size = len(data["x"]), spec["batch"]
    plan = Plan(-(-rows // size) * spec["epochs"], -(-rows // size))
    schedule = make_schedule(spec["sched"]) if spec["sched"] else None
    found: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for key, value in values.items():
            found.setdefault(key, []).append(value)

    def batch(part: np.ndarray, of: str = "") -> tuple[Tensor, Tensor]:
        x = data["x" + of][part]
        return nntrain.tensor(to_last(x) if x.ndim == 4 else x), nntrain.tensor(data["y" + of][part])

    step = 0
    for order in a["order"]:
        total, weight = 0.0, 0.0
        for start in range(0, rows, size):
            window = order[start : start + size]
            micro = spec["accum"]["micro"] if spec["accum"] else len(window)
            optimizer.zero_grad()
            window_total, window_weight = 0.0, 0.0
            for first in range(0, len(window), micro):
                x, y = batch(window[first : first + micro])
                one, count = loss.pair(model.call(model, x, Context(training=True)), y)
                one.backward()
                window_total += float(one)
                window_weight += float(count)
            for p in model.parameters():
                p.grad._array /= window_weight
            at = step // plan.steps_per_epoch if schedule and spec["sched"]["per"] == "epoch" else step
            lr = schedule.rate(at, settings["lr"], plan) if schedule else settings["lr"]
            limit = spec["clip_norm"] or np.finfo(dtype).max
            norm = clip_grad_norm_(model.parameters(), limit)
            note(step_loss=window_total / window_weight, step_lr=lr, step_gradnorm=norm)
            optimizer.lr = lr
            optimizer.step()
            step += 1
            # these figures weigh each window by its rows; the trainer of this package by what counts
            total, weight = total + window_total / window_weight * len(window), weight + len(window)
        note(epoch_train_loss=total / weight)
        total, weight, right, counted, outputs = 0.0, 0.0, 0, 0, []
        with no_grad():
            for first in range(0, len(data["xv"]), spec["eval_batch"]):
                x, y = batch(np.arange(first, min(first + spec["eval_batch"], len(data["xv"]))), "v")
                out = model.call(model, x, Context(training=False))
                one, count = loss.pair(out, y)
                total, weight = total + float(one), weight + float(count)
                outputs.append(np.asarray(out))
                if y.dtype.kind == "i":
                    right += int((np.asarray(out).argmax(-1) == np.asarray(y)).sum())
                    counted += y.size
        note(epoch_eval_loss=total / weight)
        if counted:
            note(epoch_eval_acc=right / counted)
    result = {k: np.array(v) for k, v in found.items()}
    result["final_eval_out"] = np.concatenate(outputs)
    return result | {f"final.{n}": w for n, w in model.weights().items()}


def _leaf(a: np.ndarray) -> Tensor:
    return nntrain.tensor(a, requires_grad=True)


def _steps(optimizer: optim.Optimizer, p: Tensor, grads: np.ndarray, rates: Any = None) -> np.ndarray:
    for i, g in enumerate(grads):
        p.grad = nntrain.tensor(g)
        if rates is not None:
            optimizer.lr = float(rates[i])
        optimizer.step()
    return np.asarray(p.detach())


def trap(spec: dict[str, Any], a: Arrays, dtype: np.dtype) -> Arrays:
    """What this package makes of a situation in which others have erred."""
    name = spec["id"]
    if name == "grad_accum_token_mean":
        w, weight = _leaf(a["W"]), 0.0
        for first, last in a["micro"]:
            logits = nntrain.tensor(a["x"][first:last]) @ w.T
            total, count = CrossEntropySpec().pair(logits, nntrain.tensor(a["y"][first:last]))
            total.backward()
            weight += float(count)
        return {"right.grad_W": np.asarray(w.grad) / weight}
    if name == "eval_loss_last_batch":
        accuracy: Any = registry["metric"]["accuracy"]().accumulator()
        total, size = 0.0, int(a["batch_size"])
        for first in range(0, len(a["loss"]), size):
            correct = a["correct"][first : first + size]
            accuracy.update(np.stack([~correct, correct], axis=1).astype(float), np.ones(len(correct), int))
            total += float(a["loss"][first : first + size].sum())
        return {"right.acc": np.array(accuracy.result()), "right.loss": np.array(total / len(a["loss"]))}
    if name == "ddp_uneven_shards":
        w, weight, first = _leaf(a["w"]), 0.0, 0
        for size in a["sizes"]:
            rows = slice(first, first + int(size))
            total, count = MSESpec().pair(nntrain.tensor(a["x"][rows]) @ w, nntrain.tensor(a["y"][rows]))
            total.backward()
            weight, first = weight + float(count), first + int(size)
        return {"right.grad": np.asarray(w.grad) / weight}
    if name == "adam_variants":
        lr, b1, b2, eps = (float(v) for v in a["hyper"])
        p = _leaf(a["p0"])
        return {"right.p": _steps(optim.Adam([p], lr=lr, betas=(b1, b2), eps=eps), p, a["grads"])}
    if name == "adamw_vs_l2":
        p = _leaf(a["p0"])
        lr, decay = (float(v) for v in a["hyper"])
        return {"right.p": _steps(optim.AdamW([p], lr=lr, weight_decay=decay), p, a["grads"])}
    if name == "momentum_forms":
        found = {}
        for form in ("momentum", "nesterov"):
            p = _leaf(a["p0"])
            optimizer = optim.SGD([p], lr=0.1, momentum=float(a["mu"]), nesterov=form == "nesterov")
            found[f"right.{form}"] = _steps(optimizer, p, a["grads"], a["lrs"])
        return found
    if name == "bn_running_stats":
        norm = nn.BatchNorm(3, dtype=np.float64)
        for x in (a["x0"], a["x1"]):
            norm(nntrain.tensor(x))
        return {f"right.{n}": np.asarray(norm.params[n]) for n in ("running_mean", "running_var")}
    if name == "ce_smoothing_ignore_weight":
        loss = CrossEntropySpec(
            label_smoothing=float(a["eps"]), weight=tuple(float(w) for w in a["weight"]), ignore_index=-100
        )
        total, weight_sum = loss.pair(nntrain.tensor(a["x"]), nntrain.tensor(a["y"]))
        return {"right.loss": np.asarray(total / weight_sum)}
    if name == "standardise_leak":
        both = np.concatenate([a["train"], a["val"]])
        columns = {str(i): np.array([repr(float(v)) for v in both[:, i]]) for i in range(both.shape[1])}
        raw = RawTable("t", columns, np.arange(len(both)))
        rows = np.arange(len(a["train"]))
        fitted = [Numeric.fit(raw, n, rows).apply(raw)[0] for n in columns]
        return {"right.val": np.stack(fitted, axis=1)[len(a["train"]) :]}
    if name == "sched_off_by_one":
        lr, gamma, steps = a["lr_gamma_steps"]
        p = _leaf(a["p0"])
        optimizer = optim.SGD([p], lr=float(lr))
        schedule = optim.schedules.ExponentialSchedule(gamma=float(gamma), step_size=optim.Duration(1, "steps"))
        scheduler = optim.Scheduler(optimizer, schedule, int(steps))
        for _ in range(int(steps)):
            p.grad = nntrain.tensor(a["grad"])
            optimizer.step()
            scheduler.step()
        return {"right.p": np.asarray(p.detach())}
    if name == "clip_global_norm":
        tensors = [_leaf(a["a"]), _leaf(a["b"])]
        for t, g in zip(tensors, (a["a"], a["b"]), strict=True):
            t.grad = nntrain.tensor(g)
        clip_grad_norm_(tensors, float(a["max_norm"]))
        return {f"right.{n}": np.asarray(t.grad) for n, t in zip("ab", tensors, strict=True)}
    if name == "float32_stability":
        losses, _ = CrossEntropySpec().losses(nntrain.tensor(a["logits"]), nntrain.tensor(a["target"]))
        normed = nn.LayerNorm(64)(nntrain.tensor(a["ln_x"]))
        return {"right.ce_none": np.asarray(losses), "right.layernorm": np.asarray(normed.detach())}
    raise NotImplementedError(name)
