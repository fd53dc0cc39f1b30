"""Compare this package with the stored results of PyTorch, case by case.

An adapter is a module with a function for each category (`module`, `op`, `optim`, `rosenbrock`, `sched`, `clip`, `init`,
`train`, `trap`); one that raises NotImplementedError says that the case is not offered.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import loader

Arrays = dict[str, np.ndarray]
#: float64 cases whose stored figures were themselves computed with a constant rounded to float32 (1/6, 1/0.7, 1e-12):
#: ours agree with central differences to 1e-9, theirs are off by up to this much
ROUNDED_THERE = {"hardsigmoid": 2e-8, "celu_a0.7": 2e-8, "bce_saturated": 2e-8}

CATEGORIES = ("modules", "ops", "optim", "rosenbrock", "sched", "clip", "init", "train", "traps")


@dataclass
class Result:
    """How one case went: `kind` is ok, fail, policy, unsupported or skipped."""

    category: str
    case: str
    kind: str
    errors: list[tuple[str, Any]] = field(default_factory=list)
    reason: str = ""


def compare(got: Arrays, want: Arrays, keys: list[str], rtol: float, atol: float) -> list[tuple[str, Any]]:
    """The keys that are missing or differ, with the worst difference."""
    errors: list[tuple[str, Any]] = []
    for key in keys:
        if got.get(key) is None:
            errors.append((key, "missing"))
            continue
        ok, worst = loader.close(got[key], want[key], rtol, atol)
        if not ok:
            errors.append((key, worst))
    return errors


def normal_distribution(z: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in z])


def check_init(spec: dict[str, Any], draws: Arrays) -> list[tuple[str, Any]]:
    """Mean and deviation within 5 sigma, bounds, and the Kolmogorov-Smirnov distance from the law that is expected."""
    errors: list[tuple[str, Any]] = []
    for key, expected in spec["expect"].items():
        if key not in draws:
            errors.append((key, "missing"))
            continue
        a = np.asarray(draws[key], np.float64)
        if spec["args"].get("padding_idx") is not None:
            if np.abs(a[spec["args"]["padding_idx"]]).max() != 0:
                errors.append((key, "padding row not zero"))
            a = np.delete(a, spec["args"]["padding_idx"], 0)
        errors += [(key, e) for e in _law(a, expected)]
    return errors


def _law(a: np.ndarray, e: dict[str, Any]) -> Iterator[str]:
    if e["dist"] == "constant":
        if not (a == e["value"]).all():
            yield "not constant"
        return
    if e["dist"] == "orthogonal":
        w = a.reshape(a.shape[0], -1)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        if np.abs(gram - e["gain"] ** 2 * np.eye(len(gram))).max() > 1e-4 * e["gain"] ** 2:
            yield "not orthogonal"
        return
    x = np.sort(a.ravel())
    n = x.size
    if abs(x.mean() - e["mean"]) > 5 * e["std"] / math.sqrt(n):
        yield f"mean {x.mean():.3g} != {e['mean']:.3g}"
    if abs(x.std() / e["std"] - 1) > 5 / math.sqrt(2 * n):
        yield f"std {x.std():.4g} != {e['std']:.4g}"
    if "low" in e and (x[0] < e["low"] - 1e-6 or x[-1] > e["high"] + 1e-6):
        yield "out of bounds"
    if e["dist"] not in ("uniform", "normal"):
        return
    law = (
        (x - e["low"]) / (e["high"] - e["low"])
        if e["dist"] == "uniform"
        else normal_distribution((x - e["mean"]) / e["std"])
    )
    distance = np.abs(law - (np.arange(n) + 0.5) / n).max()
    if distance > 2.3 / math.sqrt(n):  # p < 1e-4
        yield f"Kolmogorov-Smirnov {distance:.3g}"


def run_case(category: str, spec: dict[str, Any], adapter: ModuleType, dtype: np.dtype) -> list[tuple[str, Any]]:
    """The errors of one case. NotImplementedError where it is not offered, OverflowError where it does not apply."""
    rtol, atol = loader.tolerance(spec, dtype)
    if spec["id"] in ROUNDED_THERE:
        rtol = atol = max(atol, ROUNDED_THERE[spec["id"]])
    a = {} if category in ("sched", "init") else loader.load("data", category, spec["id"])

    def cast(arrays: Arrays) -> Arrays:
        found = {}
        with np.errstate(over="ignore"):
            for key, v in arrays.items():
                found[key] = v.astype(dtype) if v.dtype.kind == "f" else v
                if v.dtype.kind == "f" and not np.array_equal(np.isfinite(v), np.isfinite(found[key])):
                    raise OverflowError(f"an input does not fit {dtype}")
        return found

    def offered(name: str) -> Callable[..., Arrays]:
        function = getattr(adapter, name, None)
        if function is None:
            raise NotImplementedError(f"no {name}")
        return function  # type: ignore[no-any-return]

    outputs = [f"out.{i}" for i in range(len(spec.get("outputs", [])))]
    if category in ("modules", "ops"):
        inputs = cast({k: a["in." + k] for k in spec["inputs"]})
        cotangents = [q.astype(dtype) for q in loader.outs(a, "cot")]
        if category == "ops":
            return compare(offered("op")(spec, inputs, cotangents, dtype), a, outputs + spec["grads"], rtol, atol)
        params, buffers = cast(loader.group(a, "param")), cast(loader.group(a, "buf"))
        got = offered("module")(spec, loader.args_of(spec, a), params, buffers, inputs, cotangents, dtype)
        after = [k for k in a if k.startswith("bufafter.") and a[k].dtype.kind == "f"]
        return compare(got, a, outputs + spec["grads"] + after, rtol, atol)
    if category == "optim":
        got = offered("optim")(spec, cast(loader.group(a, "p0")), cast(loader.group(a, "grad")), dtype)
        return compare(got, a, [k for k in a if k.startswith("traj.")], 50 * rtol, 50 * atol)
    if category == "rosenbrock":
        if dtype != np.float64:
            raise OverflowError("float64 only: the closed loop amplifies rounding")
        return compare(offered("rosenbrock")(spec, dtype), a, ["traj", "loss"], 50 * rtol, 50 * atol)
    if category == "sched":
        keys = ["lr"] + (["momentum"] if "momentum" in spec else [])
        return compare(offered("sched")(spec), spec, keys, 1e-9, 1e-15)
    if category == "clip":
        before = {str(i): g for i, g in enumerate(loader.outs(a, "before"))}
        got = offered("clip")(spec, list(cast(before).values()), dtype)
        return compare(got, a, [k for k in a if not k.startswith("before.")], rtol, atol)
    if category == "init":
        return check_init(spec, offered("init")(spec, 12345))
    if category == "train":
        got = offered("train")(spec, a, dtype)
        within = 1e-7 if dtype == np.float64 else 2e-3
        # in float32 Adam turns the rounding of zero gradients into steps: weights are compared in float64 alone
        parts = ("final", "step_", "epoch_") if dtype == np.float64 else ("step_loss", "epoch_")
        return compare(got, a, [k for k in a if k.startswith(parts) and a[k].dtype.kind == "f"], within, within)
    got = offered("trap")(spec, {k: a[k] for k in spec["inputs"]}, dtype)
    if not any(k in got for k in spec["right"]):
        raise NotImplementedError("no result")
    return list(_trap_errors(spec, a, got, rtol, atol))


def _trap_errors(spec: dict[str, Any], a: Arrays, got: Arrays, rtol: float, atol: float) -> Iterator[tuple[str, Any]]:
    least = 2e-3 if spec["id"].endswith("float32_stability") else 0.0  # float32 inputs by definition
    for key in spec["right"]:
        if key in got and not loader.close(got[key], a[key], max(100 * rtol, least), max(100 * atol, least))[0]:
            tail = "." + key.split(".", 1)[1]
            known = [w for w in spec["wrong"] if w.endswith(tail) and loader.close(got[key], a[w], 1e-4, 1e-6)[0]]
            yield key, f"the known mistake {known[0].split('.')[1]}" if known else "wrong"


def run(
    adapter: ModuleType, dtype: str, categories: tuple[str, ...] = CATEGORIES, verbose: bool = False
) -> list[Result]:
    """All cases of these categories."""
    results = []
    for category in categories:
        for spec in loader.cases("data", category):
            result = Result(category, spec["id"], "ok")
            try:
                with np.errstate(all="ignore"):
                    result.errors = run_case(category, spec, adapter, np.dtype(dtype))
            except NotImplementedError as error:
                result.kind, result.reason = "unsupported", str(error)
            except OverflowError as error:
                result.kind, result.reason = "skipped", str(error)
            except Exception as error:  # whatever goes wrong is that case's failure
                result.errors = [("raised", repr(error)[:200])]
                if verbose:
                    traceback.print_exc()
            if result.errors:
                missing = any(e[1] == "missing" or e[0] == "raised" for e in result.errors)
                result.kind = "policy" if spec.get("policy") and not missing else "fail"
            results.append(result)
    return results


def table(results: list[Result]) -> str:
    """Counts by category, and every case that is not ok."""
    kinds = ("ok", "fail", "policy", "unsupported", "skipped")
    lines = [
        f"{r.kind.upper():11s} {r.category}/{r.case}: " + ("; ".join(f"{k}: {w}" for k, w in r.errors[:4]) or r.reason)
        for r in results
        if r.kind not in ("ok", "skipped")
    ]
    lines.append(f"{'category':12s} " + " ".join(f"{k:>11s}" for k in kinds))
    for category in dict.fromkeys(r.category for r in results):
        own = [r.kind for r in results if r.category == category]
        lines.append(f"{category:12s} " + " ".join(f"{own.count(k):11d}" for k in kinds))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--only", default=",".join(CATEGORIES))
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    import adapter

    results = run(adapter, options.dtype, tuple(options.only.split(",")), options.v)
    print(table(results))
    sys.exit(any(r.kind == "fail" for r in results))


if __name__ == "__main__":
    main()
