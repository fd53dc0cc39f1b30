"""The snippets of PyTorch's introduction, with nntrain in place of torch."""

from __future__ import annotations

import numpy as np

import nntrain
from nntrain import nn, optim


def test_tensor_that_requires_a_gradient() -> None:
    t = nntrain.tensor([1.0, 0.0], requires_grad=True)
    loss = (t * nntrain.tensor([2.0, 3.0])).sum()
    loss.backward()
    assert t.grad is not None
    assert t.grad.tolist() == [2.0, 3.0]


def test_optimizers_take_a_list_of_parameters() -> None:
    params = nntrain.tensor([1.0, 0.0], requires_grad=True)
    optimizer = optim.SGD([params], lr=1e-3)
    (params * params).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(params.detach().numpy(), [1 - 2e-3, 0], rtol=1e-6)
    optim.Adam([params], lr=1e-3).step()
    assert float(params[0].item()) < 1 - 2e-3


def test_fit_a_line() -> None:
    celsius = nntrain.tensor([0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0])
    unknown = 0.1 * nntrain.tensor([35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4])
    params = nntrain.tensor([1.0, 0.0], requires_grad=True)
    optimizer = optim.SGD([params], lr=1e-2)
    for _ in range(5000):
        w, b = params
        loss = ((w * unknown + b - celsius) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(params.detach().numpy(), [5.3671 * 10 / 10, -17.3012], rtol=2e-2)


def test_loop_by_hand_over_the_parameters_of_a_module() -> None:
    nntrain.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 1))
    x = nntrain.randn(64, 3)
    t = x.sum(axis=1, keepdims=True)
    loss_function = nn.MSELoss()
    first = float(loss_function(model(x), t).item())
    for _ in range(100):
        loss = loss_function(model(x), t)
        model.zero_grad()
        loss.backward()
        with nntrain.no_grad():
            for p in model.parameters():
                p -= p.grad * 0.1
    assert float(loss.item()) < first / 20


def test_numpy_goes_in_and_out_without_copies() -> None:
    a = np.ones((2, 3), np.float32)
    t = nntrain.from_numpy(a)
    a[0, 0] = 5
    assert float(t[0, 0].item()) == 5
    assert t.numpy() is a
    assert np.asarray(t) is a
    assert (a * t).dtype == np.float32
    assert (t * 2.5).dtype == np.float32
