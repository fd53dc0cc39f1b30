"""The graph: what is remembered, how it is walked, what it refuses."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import nntrain
from nntrain import Tensor, nn, optim, tensor


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values: float) -> Tensor:
    return tensor(list(values), requires_grad=True)


def grad(x: Tensor) -> list[float]:
    assert x.grad is not None
    found: list[float] = x.grad.tolist()
    return found


def test_gradients_accumulate_until_they_are_cleared() -> None:
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert grad(x) == [4.0, 8.0]
    x.grad = None
    (3 * x).sum().backward()
    assert grad(x) == [3.0, 3.0]


def test_one_tensor_used_twice_in_one_op() -> None:
    x = leaf(3.0)
    (x * x).backward(tensor([1.0]))
    assert grad(x) == [6.0]


def test_broadcasting_is_undone() -> None:
    x, row = tensor(np.ones((3, 2), np.float32), requires_grad=True), leaf(1.0, 2.0)
    (x * row).sum().backward()
    assert grad(row) == [3.0, 3.0]


def test_gradient_weighs_a_tensor() -> None:
    x = leaf(1.0, 2.0)
    (x * 2).backward(tensor([1.0, 10.0]))
    assert grad(x) == [2.0, 20.0]


def test_control_flow_is_python() -> None:
    x = leaf(2.0)
    y = x
    while float(y.sum().item()) < 100:
        y = y * y
    y.sum().backward()
    assert grad(x) == [8 * 2.0**7]


def test_no_grad_remembers_nothing() -> None:
    x = leaf(1.0)
    with nntrain.no_grad():
        y = x * 2
    assert not y.requires_grad
    assert nntrain.is_grad_enabled()


def test_detach_stops_the_gradient() -> None:
    x = leaf(3.0)
    (x * x.detach()).sum().backward()
    assert grad(x) == [3.0]


def test_retained_gradient_of_an_intermediate_result() -> None:
    x = leaf(3.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert grad(y) == [12.0]
    assert grad(x) == [24.0]


def test_integers_carry_no_gradient() -> None:
    with pytest.raises(TypeError, match="float"):
        tensor([1, 2], requires_grad=True)


def test_backward_of_many_numbers_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"\.sum\(\)"):
        (leaf(1.0, 2.0) * 2).backward()


def test_backward_without_anything_to_train() -> None:
    with pytest.raises(RuntimeError, match="requires_grad"):
        tensor([1.0]).sum().backward()


def test_a_used_graph_says_so() -> None:
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_a_kept_graph_can_be_used_again() -> None:
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert grad(x) == [12.0]


def test_change_in_place_of_what_backward_needs() -> None:
    x, w = leaf(1.0, 2.0), tensor([3.0, 4.0])
    y = (x * w).sum()
    w += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_change_in_place_of_a_tracked_tensor() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        x += 1
    with pytest.raises(RuntimeError, match="no_grad"):
        x[0] = 1
    with nntrain.no_grad():
        x += 1
    assert x.tolist() == [2.0]


def test_a_view_shares_changes_with_its_base() -> None:
    x, w = leaf(1.0, 2.0), tensor([[3.0], [4.0]])
    y = (x * w.reshape(2)).sum()
    w += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_higher_order_is_refused_by_design() -> None:
    with pytest.raises(NotImplementedError, match="by design"):
        (leaf(1.0) * 2).sum().backward(create_graph=True)


@pytest.mark.usefixtures("no_collector")
def test_a_chain_of_20000_ops() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 0.5
    y.sum().backward()
    assert grad(x) == [1.0]
    del y


def test_a_fan_in_of_3000() -> None:
    x = leaf(1.0)
    y = nntrain.concat([x * float(i) for i in range(3000)])
    y.sum().backward()
    assert grad(x) == [sum(range(3000))]


@pytest.mark.usefixtures("no_collector")
def test_a_graph_dies_with_its_last_reference() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    loss = model(nntrain.randn(3, 4)).sum()
    inner = weakref.ref(loss._node)
    loss.backward()
    del loss
    assert inner() is None


@pytest.mark.usefixtures("no_collector")
def test_memory_is_flat_without_the_collector() -> None:
    model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 4))
    optimizer = optim.Adam(model.parameters())
    x, t = nntrain.randn(8, 16), nntrain.randn(8, 4)

    def step() -> None:
        optimizer.zero_grad()
        nn.MSELoss()(model(x), t).backward()
        optimizer.step()

    for _ in range(1200):  # until the interpreter's free lists, which are bounded, are full
        step()
    before = sys.getallocatedblocks()
    for _ in range(200):
        step()
    assert sys.getallocatedblocks() - before < 50


def test_equal_maxima_share_the_gradient() -> None:
    x = leaf(2.0, 1.0, 2.0)
    x.max().backward()
    assert grad(x) == [0.5, 0.0, 0.5]


def test_repeated_indices_add_up() -> None:
    x = leaf(1.0, 2.0, 3.0)
    x[[0, 0, 2]].sum().backward()
    assert grad(x) == [2.0, 0.0, 1.0]
