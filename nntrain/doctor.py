"""What this machine has for training, and a self-test of a few seconds."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from typing import Any

import numpy as np

import nntrain
from nntrain import backend as devices
from nntrain.engine.gradcheck import gradcheck
from nntrain.engine.tensor import Tensor
from nntrain.errors import MachineError
from nntrain.nn.module import Sequential
from nntrain.train.loop import thread_count


def examine() -> dict[str, Any]:
    """Facts by name, advice, and whether the self-test passed."""
    facts: dict[str, str] = {
        "nntrain": nntrain.__version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "threads": str(thread_count()),
    }
    advice: list[str] = []
    for name in ("numpy", "scipy", "numba", "pydantic", "typer", "rich"):
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = "missing"
            advice.append(f"pip install {name}")
    facts["blas"] = _blas()
    facts["cpu kernels"] = _kernels(advice)
    facts["gpu"] = _gpu(advice)
    started = time.perf_counter()
    problem = self_test()
    facts["self-test"] = problem or f"passed in {time.perf_counter() - started:.1f} s"
    return {"ok": problem is None, "facts": facts, "advice": advice}


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown (threadpoolctl is missing)"
    np.ones((2, 2)) @ np.ones((2, 2))
    found = [f"{i.get('internal_api')} {i.get('version')}" for i in threadpool_info() if i.get("user_api") == "blas"]
    return ", ".join(dict.fromkeys(found)) or "none found"


def _kernels(advice: list[str]) -> str:
    try:
        from nntrain.backend.kernels import cpu
    except ImportError:
        return "none: the reference kernels run"
    if not cpu.AVAILABLE:
        return "none, numba or scipy is missing: the reference kernels run"
    from nntrain.backend.kernels.cpu import runtime

    if runtime.LAYER == "workqueue":
        advice.append("without OpenMP a parallel loop starts 50 times slower: apt-get install libgomp1, or its like")
    return f"compiled, {runtime.THREADS} threads, {runtime.LAYER}"


def _gpu(advice: list[str]) -> str:
    try:
        return devices.get("cuda").name
    except MachineError as error:
        if "not installed" in str(error):
            advice.append("for an NVIDIA GPU: pip install 'nntrain[cuda12]', or cuda13 by the driver's version")
        return f"none ({str(error).split(': ', 1)[-1].split(':')[0]})"


def self_test() -> str | None:
    """Check the gradients of a small network and train it; what is wrong, or None."""
    from nntrain import nn, optim

    nntrain.manual_seed(0)
    model: Sequential = nn.Sequential(nn.Linear(3, 8, dtype="float64"), nn.Tanh(), nn.Linear(8, 1, dtype="float64"))
    x = nntrain.randn(32, 3, dtype="float64")
    target = (x[:, 0:1] * 0.5 - x[:, 1:2]).tanh()
    loss_function = nn.MSELoss()

    def loss() -> Tensor:
        return loss_function(model(x), target)

    wrong = [c for c in gradcheck(loss, dict(model.named_parameters())) if not c.ok]
    if wrong:
        return f"{wrong[0].what} is off by {wrong[0].error:.1e}"
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    first = float(loss().item())
    for _ in range(200):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return (
        None
        if float(value.item()) < first / 20
        else f"the loss went from {first:.3g} to {float(value.item()):.3g} only"
    )
