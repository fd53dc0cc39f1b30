"""`Scheduler`: drives the rates of an optimizer by a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nntrain.optim.durations import Plan
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.schedules import Schedule


class Scheduler:
    """Sets what the next step of `optimizer` uses, group by group: call `step()` after each `optimizer.step()`.

    `steps` is the length of the training in optimizer steps, `steps_per_epoch` that of an epoch; schedules whose lengths
    are given in steps need neither. Where the schedule watches a metric (plateau), `observe(metric)` tells it. ValueError
    where the schedule moves a momentum that the optimizer does not have.

        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = optim.Scheduler(optimizer, optim.schedules.CosineSchedule(warmup="5%"), steps=1000)
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule, steps: int = 1, steps_per_epoch: int = 1) -> None:
        self.optimizer = optimizer
        self.schedule = schedule
        self.plan = Plan(steps, steps_per_epoch)
        self.state: dict[str, Any] = schedule.start()
        self.count = 0
        self.apply(0)

    def apply(self, step: int) -> None:
        """Set what optimizer step `step` (from 0) uses."""
        self.count = step
        for group in self.optimizer.groups:
            self.optimizer.set(self.schedule.settings(step, group.spec.lr, self.plan, self.state), group)

    def step(self) -> None:
        """On to the next step."""
        self.apply(self.count + 1)

    def observe(self, metric: float) -> None:
        """Tell the schedule the metric it watches, once an evaluation; it counts from the next `apply` or `step` on."""
        self.state = self.schedule.observe(self.state, metric)

    def state_dict(self) -> dict[str, Any]:
        """The step and what the schedule has learned: numbers that JSON can hold."""
        return {"step": self.count, "state": dict(self.state)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.state = dict(state["state"])
        self.apply(int(state["step"]))
