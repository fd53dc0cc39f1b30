"""Every update rule: one flat array or many tensors, missing gradients, groups, state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import nntrain
from nntrain import optim
from nntrain.component import registry
from nntrain.optim import FlatParameters, Optimizer, OptimizerSpec

RULES: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.1},
    "sgd momentum": {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01},
    "sgd nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
    "adam": {"weight_decay": 0.1},
    "adam amsgrad": {"amsgrad": True},
    "adamw": {},
    "adamax": {"weight_decay": 0.1},
    "nadam": {"weight_decay": 0.1, "decoupled_weight_decay": True},
    "radam": {"betas": (0.9, 0.9)},
    "rmsprop": {"centered": True, "momentum": 0.9, "weight_decay": 0.1},
    "adagrad": {"lr_decay": 0.1, "initial_accumulator_value": 0.5},
    "adadelta": {"weight_decay": 0.1},
    "rprop": {},
    "lion": {"weight_decay": 0.1},
}
SHAPES = ((3, 5), (7,), (), (2, 2, 2), (0, 3))

every_rule = pytest.mark.parametrize("name", list(RULES))


def spec_of(name: str, **more: Any) -> OptimizerSpec:
    made = registry["optimizer"][name.split()[0]](**{**RULES[name], **more})
    assert isinstance(made, OptimizerSpec)
    return made


def parameters(seed: int = 0) -> list[nntrain.Tensor]:
    rng = np.random.default_rng(seed)
    return [nntrain.tensor(rng.standard_normal(s), dtype=np.float32, requires_grad=True) for s in SHAPES]


def train(optimizer: Optimizer, params: list[nntrain.Tensor], steps: int = 8, seed: int = 1) -> None:
    """Steps on given gradients; the second parameter has none at steps 0 and 3."""
    rng = np.random.default_rng(seed)
    for t in range(steps):
        optimizer.zero_grad()
        for i, p in enumerate(params):
            g = rng.standard_normal(p.shape).astype(np.float32)
            if i == 1 and t in (0, 3):
                continue
            (p * nntrain.tensor(g)).sum().backward()
        optimizer.step()


def values(params: list[nntrain.Tensor]) -> list[bytes]:
    return [p.detach().numpy().tobytes() for p in params]


def test_every_rule_is_in_the_table() -> None:
    assert {name.split()[0] for name in RULES} >= registry["optimizer"].keys()


@every_rule
def test_one_flat_array_and_many_tensors_give_equal_bits(name: str) -> None:
    apart, together = parameters(), parameters()
    train(Optimizer(apart, spec_of(name)), apart)
    train(Optimizer(together, spec_of(name), FlatParameters(together)), together)
    assert values(apart) == values(together)
    assert values(apart) != values(parameters())


@every_rule
def test_without_a_gradient_nothing_moves(name: str) -> None:
    params = parameters()
    optimizer = Optimizer(params, spec_of(name), FlatParameters(params))
    train(optimizer, params, steps=1)
    before = {k: np.copy(v) for k, v in optimizer.state_dict().items() if k.startswith("0.1.")}
    weights = params[1].detach().numpy().copy()
    train(optimizer, params, steps=1, seed=2)  # again a first step: without the second parameter
    after = optimizer.state_dict()
    assert (params[1].detach().numpy() == weights).all()
    assert before["0.1.step"] == 0
    assert all((after[k] == v).all() for k, v in before.items())
    assert after["0.0.step"] == 2


@every_rule
def test_a_restored_state_goes_on_with_equal_bits(name: str) -> None:
    straight, halted = parameters(), parameters()
    first, second = Optimizer(straight, spec_of(name)), Optimizer(halted, spec_of(name))
    train(first, straight, 4)
    train(second, halted, 4)
    resumed = Optimizer(halted, spec_of(name), FlatParameters(halted))
    resumed.load_state_dict(second.state_dict())
    train(first, straight, 4, seed=9)
    train(resumed, halted, 4, seed=9)
    assert values(straight) == values(halted)


@every_rule
def test_padding_between_parameters_stays_finite(name: str) -> None:
    params = parameters()
    flat = FlatParameters(params)
    train(Optimizer(params, spec_of(name), flat), params)
    assert np.isfinite(flat.values).all()


def test_the_host_writes_the_numbers_and_the_rest_is_operations() -> None:
    a, b = parameters(), parameters()
    whole, halves = Optimizer(a, spec_of("adam")), Optimizer(b, spec_of("adam"), FlatParameters(b))
    train(whole, a, 3)
    halves.step = lambda: (halves.update(halves.write()), halves.advance())  # type: ignore[method-assign, assignment, return-value]
    train(halves, b, 3)
    assert values(a) == values(b)


class TestGroups:
    def named(self) -> dict[str, nntrain.Tensor]:
        rng = np.random.default_rng(0)
        names = ("body.weight", "body.bias", "head.weight", "head.bias")
        return {n: nntrain.tensor(rng.standard_normal(4), requires_grad=True) for n in names}

    def test_the_first_match_sets_the_rate_and_the_decay(self) -> None:
        spec = optim.rules.AdamWSpec(
            lr=0.1,
            weight_decay=0.5,
            groups=({"match": "*.bias", "weight_decay": 0.0}, {"match": ("head.*",), "lr": 0.01}),  # type: ignore[arg-type]
        )
        optimizer = optim.build(spec, self.named())
        assert [g.names for g in optimizer.groups] == [["body.weight"], ["body.bias", "head.bias"], ["head.weight"]]
        assert [(g.lr, g.spec.weight_decay) for g in optimizer.groups] == [(0.1, 0.5), (0.1, 0.0), (0.01, 0.5)]
        assert optimizer.flat is not None
        assert optimizer.flat.names == ["body.weight", "body.bias", "head.bias", "head.weight"]
        assert set(optimizer.state_dict()) >= {"head.bias.step", "head.bias.mean"}

    def test_each_group_trains_by_its_own_settings(self) -> None:
        named, apart = self.named(), self.named()
        spec = optim.rules.SGDSpec(
            lr=0.1, weight_decay=0.5, groups=({"match": "*.bias", "lr": 1.0, "weight_decay": 0},)
        )  # type: ignore[arg-type]
        optimizer = optim.build(spec, named)
        weights = optim.SGD([apart["body.weight"], apart["head.weight"]], lr=0.1, weight_decay=0.5)
        biases = optim.SGD([apart["body.bias"], apart["head.bias"]], lr=1.0)
        for params in (named, apart):
            for p in params.values():
                (p * p).sum().backward()
        for each in (optimizer, weights, biases):
            each.step()
        assert values(list(named.values())) == values(list(apart.values()))

    def test_a_pattern_that_matches_nothing_is_an_error_with_its_position(self) -> None:
        spec = optim.rules.SGDSpec(lr=0.1, groups=({"match": "*"}, {"match": "tail.*"}))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"tail\.\*: there are body\.weight") as caught:
            optim.build(spec, self.named())
        assert caught.value.args[1] == 1
        spec = optim.rules.SGDSpec(lr=0.1, groups=({"match": "*"}, {"match": "head.*"}))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="a group above has taken all"):
            optim.build(spec, self.named())

    def test_every_wrong_setting_is_found_in_its_place(self) -> None:
        groups = ({"match": "*", "momentun": 1}, {"match": "*", "lr": -1.0}, {"lr": 1.0})
        with pytest.raises(ValidationError) as caught:
            optim.rules.SGDSpec(lr=0.1, groups=groups[:2])  # type: ignore[arg-type]
        assert [e["loc"] for e in caught.value.errors()] == [("groups", 0, "momentun"), ("groups", 1, "lr")]
        with pytest.raises(ValidationError, match="match"):
            optim.rules.SGDSpec(lr=0.1, groups=groups[2:])  # type: ignore[arg-type]

    def test_the_spec_survives_json(self) -> None:
        spec = optim.rules.SGDSpec(lr=0.1, groups=({"match": "*.bias", "lr": 0.5},))  # type: ignore[arg-type]
        assert optim.rules.SGDSpec.model_validate_json(spec.model_dump_json()) == spec
        assert spec.model_dump(mode="json")["groups"] == [{"match": "*.bias", "lr": 0.5}]


WRONG: list[tuple[str, Callable[[], object]]] = [
    ("at least one parameter", lambda: optim.SGD([], lr=0.1)),
    ("requires_grad", lambda: optim.SGD([nntrain.tensor([1.0])], lr=0.1)),
    ("in two groups", lambda: optim.SGD(parameters()[:1] * 2, lr=0.1)),
    ("greater than or equal to 0", lambda: optim.SGD(parameters(), lr=-0.1)),
    ("nesterov needs a momentum", lambda: optim.SGD(parameters(), lr=0.1, nesterov=True)),
    ("less than 1", lambda: optim.Adam(parameters(), betas=(0.9, 1.0))),
    ("the first must be below 1", lambda: optim.Rprop(parameters(), etas=(1.5, 1.2))),
    ("Extra inputs", lambda: optim.Adam(parameters(), learning_rate=0.1)),
]


@pytest.mark.parametrize(("message", "call"), WRONG, ids=[m for m, _ in WRONG])
def test_wrong_arguments(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_state_that_does_not_fit_is_refused() -> None:
    params = parameters()
    state = optim.Adam(params).state_dict()
    with pytest.raises(KeyError, match="unknown"):
        optim.SGD(params, lr=0.1).load_state_dict(state)
    state["0.0.mean"] = np.zeros(3)
    with pytest.raises(ValueError, match="shape"):
        optim.Adam(params).load_state_dict(state)


def test_nadam_at_a_late_step_does_not_grow_its_memory() -> None:
    spec = spec_of("nadam")
    assert spec.host(10**9, 0.1, 0.0)[0] > 0
    assert spec.host(10**9, 0.1, 0.0) == pytest.approx(spec.host(10**9 + 1, 0.1, 0.0))
