"""Schedules by their values, their lengths, and what they learn. Their agreement with PyTorch is a conformance test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

import nntrain
from nntrain import optim
from nntrain.component import Variant, registry
from nntrain.optim import Plan, Schedule

PLAN = Plan(steps=100, steps_per_epoch=10)

ARGUMENTS: dict[str, dict[str, Any]] = {
    "constant": {},
    "step": {"step_size": "2 epochs"},
    "multi_step": {"milestones": ("50%", "75%")},
    "exponential": {"gamma": 0.5},
    "linear": {},
    "polynomial": {"power": 2.0},
    "cosine": {"min_lr": 0.01},
    "cosine_restarts": {"first": "20%"},
    "one_cycle": {},
    "cyclic": {"max_lr": 3.0, "step_size_up": 5},
    "noam": {"d_model": 64, "warmup": 10},
    "plateau": {},
    "sequence": {"schedules": ("constant", {"type": "cosine"}), "milestones": ("50%",)},
    "product": {"schedules": ({"type": "exponential", "gamma": 0.5}, "linear")},
}


def schedule(name: str, **more: Any) -> Schedule:
    made = Variant("schedule").validate({"type": name, **ARGUMENTS[name], **more})
    assert isinstance(made, Schedule)
    return made


def rates(s: Schedule, *steps: int) -> list[float]:
    return [s.rate(t, 1.0, PLAN) for t in steps]


def test_every_schedule_is_in_the_table() -> None:
    assert ARGUMENTS.keys() == registry["schedule"].keys()


VALUES = [
    ("constant", {}, {0: 1, 99: 1}),
    ("constant", {"factor": 0.5, "length": 3}, {2: 0.5, 3: 1}),
    ("step", {}, {19: 1, 20: 0.1, 40: 0.01}),
    ("multi_step", {}, {49: 1, 50: 0.1, 75: 0.01}),
    ("exponential", {}, {9: 1, 10: 0.5, 30: 0.125}),
    ("linear", {}, {0: 1, 50: 0.5, 100: 0, 150: 0}),
    ("polynomial", {}, {50: 0.25, 200: 0}),
    ("cosine", {}, {0: 1, 50: 0.505, 100: 0.01, 150: 0.01}),
    ("cosine", {"length": 10, "periodic": True}, {10: 0.01, 20: 1}),
    ("cosine_restarts", {}, {0: 1, 10: 0.5, 20: 1, 60: 1}),
    ("cosine_restarts", {"first": 10, "factor": 3}, {10: 1, 25: 0.5, 40: 1}),
    ("one_cycle", {}, {0: 0.04, 29: 1, 99: 4e-6, 500: 4e-6}),
    ("cyclic", {}, {0: 1, 5: 3, 10: 1, 12: 1.8}),
    ("cyclic", {"mode": "triangular2"}, {5: 3, 15: 2, 25: 1.5}),
    ("cyclic", {"mode": "exp_range", "gamma": 0.5, "step_size_down": 1}, {5: 1 + 2 / 32, 6: 1}),
    ("noam", {}, {0: 10**-1.5 / 8, 9: 10**-0.5 / 8}),
    ("sequence", {}, {0: 1, 49: 1, 75: 0.5}),
    ("product", {}, {50: 0.5**5 * 0.5}),
    ("linear", {"warmup": "10%"}, {0: 0.1, 4: 0.5 * (1 - 0 / 90), 10: 1, 55: 0.5, 100: 0}),
]


@pytest.mark.parametrize(("name", "more", "expected"), VALUES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(VALUES)])
def test_rates(name: str, more: dict[str, Any], expected: dict[int, float]) -> None:
    got = rates(schedule(name, **more), *expected)
    assert got == pytest.approx(list(expected.values()), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in ARGUMENTS if n != "noam"])
def test_warmup_goes_in_front_of_any(name: str) -> None:
    warm, plain = schedule(name, warmup="2 epochs"), schedule(name)
    first = plain.rate(0, 1.0, Plan(80, 10))
    assert rates(warm, 0, 9, 19) == pytest.approx([first / 20, first / 2, first])
    later = [plain.rate(t, 1.0, Plan(80, 10)) for t in (0, 30, 79)]
    assert rates(warm, 20, 50, 99) == pytest.approx(later)


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_a_schedule_survives_json_and_is_never_negative(name: str) -> None:
    s = schedule(name)
    assert Variant("schedule").validate(json.loads(s.model_dump_json(), object_hook=_tuples)) == s
    assert all(r >= 0 for r in rates(s, *range(130)))


def _tuples(d: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in d.items()}


def test_plateau_falls_after_patience_and_keeps_its_state_in_json() -> None:
    s = schedule("plateau", patience=2, factor=0.5, cooldown=1, min_lr=0.2, warmup=5)
    state = s.start()
    seen = []
    for metric in [1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9, 0.9, 0.9, float("nan"), 0.9, 0.9, 0.9]:
        state = json.loads(json.dumps(s.observe(state, metric)))
        seen.append(s.rate(50, 1.0, PLAN, state))
    assert seen == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2]
    assert s.rate(0, 1.0, PLAN, state) == pytest.approx(0.2 / 5)


def test_plateau_for_a_metric_that_should_grow() -> None:
    s = schedule("plateau", patience=0, mode="max", threshold_mode="abs", threshold=0.1)
    state = s.observe(s.start(), 0.5)
    assert s.observe(state, 0.61)["falls"] == 0
    assert s.observe(state, 0.59)["falls"] == 1


def test_one_cycle_moves_the_momentum_against_the_rate() -> None:
    s = schedule("one_cycle")
    assert [s.settings(t, 1.0, PLAN)["momentum"] for t in (0, 29, 99)] == pytest.approx([0.95, 0.85, 0.95])
    assert "momentum" not in schedule("one_cycle", cycle_momentum=False).settings(0, 1.0, PLAN)
    assert schedule("sequence", schedules=("constant", "one_cycle")).moves_momentum


WRONG = [
    ("step", {"step_size": 0}, "above 0"),
    ("step", {"step_size": "a while"}, "a length such as"),
    ("noam", {"warmup": 0}, "above 0"),
    ("sequence", {"milestones": ()}, "2 schedules need 1 milestones"),
    ("sequence", {"schedules": ("constant", "plateau")}, "plateau cannot be a part"),
    ("cosine", {"min_lr": -1.0}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("name", "more", "message"), WRONG, ids=[m for _, _, m in WRONG])
def test_wrong_settings(name: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        schedule(name, **more)


class TestScheduler:
    def test_each_group_keeps_its_share(self) -> None:
        a, b = (nntrain.tensor([1.0], requires_grad=True) for _ in range(2))
        optimizer = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.1}], lr=1.0)
        scheduler = optim.Scheduler(optimizer, schedule("linear"), steps=10)
        assert [g.lr for g in optimizer.groups] == [1.0, 0.1]
        for _ in range(5):
            scheduler.step()
        assert [g.lr for g in optimizer.groups] == pytest.approx([0.5, 0.05])

    def test_the_momentum_reaches_adam_as_beta1(self) -> None:
        adam = optim.Adam([nntrain.tensor([1.0], requires_grad=True)], lr=1.0)
        optim.Scheduler(adam, schedule("one_cycle"), steps=10)
        assert adam.groups[0].momentum == 0.95
        assert adam.spec.host(1, 1.0, 0.95) != adam.spec.host(1, 1.0, 0.9)

    def test_without_a_momentum_to_move_it_says_so(self) -> None:
        sgd = optim.SGD([nntrain.tensor([1.0], requires_grad=True)], lr=1.0)
        with pytest.raises(ValueError, match="sgd has none to move"):
            optim.Scheduler(sgd, schedule("one_cycle"), steps=10)

    def test_its_state_goes_on(self) -> None:
        def made() -> optim.Scheduler:
            p = nntrain.tensor([1.0], requires_grad=True)
            return optim.Scheduler(optim.SGD([p], lr=1.0), schedule("plateau", patience=0), steps=10)

        first, second = made(), made()
        for s in (first,):
            s.observe(1.0)
            s.observe(2.0)
            s.step()
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert second.optimizer.lr == first.optimizer.lr == pytest.approx(0.1)
        assert second.count == 1
