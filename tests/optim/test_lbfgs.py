"""L-BFGS on problems with known answers."""

from __future__ import annotations

import numpy as np
import pytest

import nntrain
from nntrain.optim import LBFGS


def rosenbrock(line_search: str | None, **more: float) -> tuple[LBFGS, nntrain.Tensor, list[float]]:
    p = nntrain.tensor([-1.2, 1.0], dtype=np.float64, requires_grad=True)
    optimizer = LBFGS([p], line_search_fn=line_search, **more)  # type: ignore[arg-type]
    losses: list[float] = []

    def closure() -> nntrain.Tensor:
        optimizer.zero_grad()
        loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        loss.backward()
        losses.append(float(loss))
        return loss

    optimizer.closure = closure  # type: ignore[attr-defined]
    return optimizer, p, losses


# the loss at the start of each step(): PyTorch 2.13's torch.optim.LBFGS from the same point, max_iter 5
PYTORCH = {
    None: [24.199999999999996, 4.323629078695349, 3.848658099900647, 2.8847628114778603],
    "strong_wolfe": [24.199999999999996, 4.111816451757751, 3.423165462292753, 1.6579626408971875],
}


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_follows_pytorch(line_search: str | None) -> None:
    optimizer, _, _ = rosenbrock(line_search, max_iter=5)
    got = [optimizer.step(optimizer.closure) for _ in PYTORCH[line_search]]  # type: ignore[attr-defined]
    assert got == pytest.approx(PYTORCH[line_search], rel=1e-6)


def test_goes_where_pytorch_goes_in_as_many_evaluations() -> None:
    optimizer, p, losses = rosenbrock("strong_wolfe")
    for _ in range(2):
        optimizer.step(optimizer.closure)  # type: ignore[attr-defined]
    np.testing.assert_allclose(p.detach().numpy(), [0.9999814210791366, 0.9999619651810989], rtol=1e-9)
    assert len(losses) == 44


def test_solves_a_linear_regression_exactly() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((50, 6)), rng.standard_normal((6, 2))
    model = nntrain.nn.Linear(6, 2, dtype=np.float64)
    optimizer = LBFGS(model.parameters(), max_iter=100, tolerance_change=1e-15, line_search_fn="strong_wolfe")
    target = nntrain.tensor(x @ w + 0.5)

    def closure() -> nntrain.Tensor:
        optimizer.zero_grad()
        loss = ((model(nntrain.tensor(x)) - target) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(model.weight.detach().numpy(), w, atol=1e-6)


def test_a_restored_state_goes_on_with_equal_bits() -> None:
    first, p, _ = rosenbrock("strong_wolfe", max_iter=4)
    first.step(first.closure)  # type: ignore[attr-defined]
    second, q, _ = rosenbrock("strong_wolfe", max_iter=4)
    second.load_state_dict(first.state_dict())
    with nntrain.no_grad():
        q.copy_(p)
    first.step(first.closure)  # type: ignore[attr-defined]
    second.step(second.closure)  # type: ignore[attr-defined]
    assert p.tolist() == q.tolist()


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LBFGS([])
    with pytest.raises(ValueError, match="strong_wolfe"):
        LBFGS([nntrain.tensor([1.0], requires_grad=True)], line_search_fn="armijo")
