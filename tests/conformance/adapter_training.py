"""The conformance cases about training: optimizers, schedules, clipping, initialisers, whole runs and known mistakes.

Part of the adapter of the conformance runner; `adapter_sequences` has the sequence layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import nntrain
from nntrain import optim as opt
from nntrain.component import registry
from nntrain.optim import schedules as s

Arrays = dict[str, np.ndarray]


def settings(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments from JSON: lists are tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in args.items()}


def make_optimizer(name: str, args: Mapping[str, Any], params: Iterable[Any]) -> opt.Optimizer:
    """The optimizer of a PyTorch name."""
    return getattr(opt, name.removeprefix("numpy."))(params, **settings(args))


def optim(spec: Any, p0: Arrays, grads: Arrays, dtype: Any) -> Arrays:
    params = {n: nntrain.tensor(v, dtype=dtype, requires_grad=True) for n, v in p0.items()}
    groups: list[Any] = list(params.values())
    if spec["groups"]:
        groups = [{**settings(g), "params": [params[n] for n in g["params"]]} for g in spec["groups"]]
    optimizer = make_optimizer(spec["torch"], spec["args"], groups)
    trajectory: dict[str, list[np.ndarray]] = {n: [] for n in params}
    for t in range(spec["steps"]):
        if str(t) in spec["lr_at"]:
            optimizer.lr = spec["lr_at"][str(t)]
        for n, p in params.items():
            missing = t in spec["no_grad_at"].get(n, ())
            p.grad = None if missing else nntrain.tensor(grads[n][t], dtype=dtype)
        optimizer.step()
        for n, p in params.items():
            trajectory[n].append(p.detach().numpy().copy())
    return {f"traj.{n}": np.stack(v) for n, v in trajectory.items()}


def rosenbrock(spec: Any, dtype: Any) -> Arrays:
    p = nntrain.tensor(spec["p0"], dtype=dtype, requires_grad=True)
    optimizer = make_optimizer(spec["torch"], spec["args"], [p])
    losses, trajectory = [], []
    for _ in range(spec["steps"]):
        optimizer.zero_grad()
        loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        trajectory.append(p.detach().numpy().copy())
    return {"loss": np.array(losses), "traj": np.stack(trajectory)}


def make_schedule(given: Mapping[str, Any]) -> s.Schedule:
    """The schedule of a PyTorch description, counted in steps."""
    a = settings(given["args"])
    parts = [make_schedule(x) for x in given.get("schedulers", ())]
    match given["torch"]:
        case "StepLR":
            return s.StepSchedule(**a)
        case "MultiStepLR":
            return s.MultiStepSchedule(**a)
        case "ExponentialLR":
            return s.ExponentialSchedule(gamma=a["gamma"], step_size=1)
        case "ConstantLR":
            return s.ConstantSchedule(factor=a["factor"], length=a["total_iters"])
        case "LinearLR":
            end = a.get("end_factor", 1.0)
            return s.LinearSchedule(start_factor=a["start_factor"], end_factor=end, length=a["total_iters"])
        case "PolynomialLR":
            return s.PolynomialSchedule(power=a["power"], length=a["total_iters"])
        case "CosineAnnealingLR":
            return s.CosineSchedule(min_lr=a.get("eta_min", 0.0), length=a["T_max"], periodic=True)
        case "CosineAnnealingWarmRestarts":
            return s.CosineRestartsSchedule(first=a["T_0"], factor=a["T_mult"], min_lr=a["eta_min"])
        case "OneCycleLR":
            return s.OneCycleSchedule(**{k: v for k, v in a.items() if k != "total_steps"})
        case "CyclicLR":
            return s.CyclicSchedule(**{k: v for k, v in a.items() if k != "base_lr"})
        case "ReduceLROnPlateau":
            return s.PlateauSchedule(**a)
        case "SequentialLR":
            return s.SequenceSchedule(schedules=tuple(parts), milestones=a["milestones"])
        case "ChainedScheduler":
            return s.ProductSchedule(schedules=tuple(parts))
        case "LambdaLR":  # the one function there is: noam
            assert "64 ** -0.5" in given["lambda"] and "20 ** -1.5" in given["lambda"]
            return s.NoamSchedule(d_model=64, warmup=20)
    raise NotImplementedError(given["torch"])


def sched(spec: Any) -> Arrays:
    p = nntrain.tensor([0.0], requires_grad=True)
    extra = {"momentum": 0.9} if "momentum" in spec else {}
    optimizer = opt.SGD([p], lr=spec["base_lr"], **extra)
    driver = opt.Scheduler(optimizer, make_schedule(spec["sched"]), steps=len(spec["lr"]))
    rates, momenta = [], []
    for t in range(len(spec["lr"])):
        rates.append(optimizer.groups[0].lr)
        momenta.append(optimizer.groups[0].momentum)
        if "metrics" in spec:
            driver.observe(spec["metrics"][t])
        driver.step()
    return {"lr": np.array(rates), "momentum": np.array(momenta)}


def clip(spec: Any, grads: list[np.ndarray], dtype: Any) -> Arrays:
    params = [nntrain.tensor(np.zeros_like(g), dtype=dtype, requires_grad=True) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = nntrain.tensor(g)
    found: Arrays = {}
    args = {k: float(v) for k, v in spec["args"].items()}
    if spec["fn"] == "clip_grad_norm_":
        found["total_norm"] = np.asarray(opt.clip_grad_norm_(params, **args))
    else:
        opt.clip_grad_value_(params, **args)
    for i, p in enumerate(params):
        assert p.grad is not None
        found[f"after.{i}"] = p.grad.numpy()
    return found


assert registry
