"""Learning rates, and momentum where a schedule moves it, as pure functions of the step.

A training follows one schedule; each group of parameters scales it by its own rate. `Scheduler` in `nntrain.optim` drives
an optimizer by one.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.component import Component, Variant
from nntrain.optim.durations import Duration, Plan

__all__ = ["Duration", "Plan", "Schedule"]

State = Mapping[str, Any]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
ALL = Duration(100, "%")


def _some(value: Duration) -> Duration:
    if value.amount <= 0:
        raise PydanticCustomError("duration", "a length above 0 is expected")
    return value


Period = Annotated[Duration, AfterValidator(_some)]


class Schedule(Component, kind="schedule"):
    """Base of all schedules: warmup, then the shape of the subclass.

    A schedule is a pure function: `settings(step, lr, plan)` gives what optimizer step `step` (from 0) uses, for a group
    whose own rate is `lr`. Lengths given in % are parts of what follows the warmup. What a schedule learns while it runs
    (only plateau does) is a small map that JSON can hold: `start`, and `observe` for the next one.
    """

    warmup: Duration = Field(
        Duration(0, "steps"), description="the rate rises linearly to its full value: 5%, 500 steps, 2 epochs"
    )

    #: the schedule learns from a metric: whoever drives it calls `observe`
    learns: ClassVar[bool] = False

    @property
    def moves_momentum(self) -> bool:
        """Whether the settings hold a momentum: the optimizer must have one."""
        return False

    def rate(self, step: int, lr: float, plan: Plan, state: State | None = None) -> float:
        """The rate of optimizer step `step` (from 0)."""
        return self.settings(step, lr, plan, state)["lr"]

    def settings(self, step: int, lr: float, plan: Plan, state: State | None = None) -> dict[str, float]:
        """What optimizer step `step` (from 0) uses: `lr`, and `momentum` where the schedule moves it."""
        warm = self.warmup.in_steps(plan)
        rest = Plan(max(plan.steps - warm, 1), plan.steps_per_epoch)
        found = self.shaped(max(step - warm, 0), lr, rest, self.start() if state is None else state)
        if step < warm:
            found["lr"] *= (step + 1) / warm
        return found

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        """The settings `step` steps after the warmup; `plan.steps` is what follows it."""
        return {"lr": self.shape(step, plan.steps, lr, plan)}

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        """The rate `step` steps after the warmup, of `steps` in all."""
        raise NotImplementedError

    def start(self) -> dict[str, Any]:
        """What the schedule knows before it has seen anything."""
        return {}

    def observe(self, state: State, metric: float) -> dict[str, Any]:
        """What it knows after a metric."""
        return dict(state)


class ConstantSchedule(Schedule):
    """The same rate throughout; with `factor`, that part of it for `length` (PyTorch's ConstantLR)."""

    type: Literal["constant"] = "constant"
    factor: NonNegative = Field(1.0, description="part of the rate at first")
    length: Duration = Field(ALL, description="how long the factor counts")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        return lr * self.factor if step < self.length.in_steps(plan) else lr


class StepSchedule(Schedule):
    """The rate is multiplied by `gamma` after every `step_size` (PyTorch's StepLR)."""

    type: Literal["step"] = "step"
    step_size: Period = Field(description="how long a rate stays: 10 epochs, 500 steps, 30%")
    gamma: Positive = Field(0.1, description="factor between one rate and the next")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        return lr * self.gamma ** (step // max(self.step_size.in_steps(plan), 1))


class MultiStepSchedule(Schedule):
    """The rate is multiplied by `gamma` at each milestone (PyTorch's MultiStepLR)."""

    type: Literal["multi_step"] = "multi_step"
    milestones: tuple[Duration, ...] = Field(description="when, in any order: [50%, 75%], [30 epochs, 60 epochs]")
    gamma: Positive = Field(0.1, description="factor between one rate and the next")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        return lr * self.gamma ** sum(step >= m.in_steps(plan) for m in self.milestones)


class ExponentialSchedule(Schedule):
    """The rate is multiplied by `gamma` after every `step_size`, an epoch by default (PyTorch's ExponentialLR)."""

    type: Literal["exponential"] = "exponential"
    gamma: Positive = Field(description="factor between one rate and the next")
    step_size: Period = Field(Duration(1, "epochs"), description="how long a rate stays")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        return lr * self.gamma ** (step // max(self.step_size.in_steps(plan), 1))


class LinearSchedule(Schedule):
    """A straight line between two factors of the rate, then the last (PyTorch's LinearLR): by default from all to nothing."""

    type: Literal["linear"] = "linear"
    start_factor: NonNegative = Field(1.0, description="part of the rate at the start")
    end_factor: NonNegative = Field(0.0, description="part of the rate at the end")
    length: Duration = Field(ALL, description="how long the way takes")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        part = _part(step, self.length.in_steps(plan))
        return lr * (self.start_factor + (self.end_factor - self.start_factor) * part)


class PolynomialSchedule(Schedule):
    """min_lr + (lr - min_lr) (1 - t / length) ** power, then `min_lr` (PyTorch's PolynomialLR)."""

    type: Literal["polynomial"] = "polynomial"
    power: Positive = Field(1.0, description="1 is a straight line, 2 falls fast at first")
    min_lr: NonNegative = Field(0.0, description="the rate at the end")
    length: Duration = Field(ALL, description="how long the way takes")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        part = _part(step, self.length.in_steps(plan))
        return self.min_lr + (lr - self.min_lr) * (1 - part) ** self.power


class CosineSchedule(Schedule):
    """Half a cosine from the full rate down to `min_lr` (Loshchilov & Hutter 2017, arXiv:1608.03983).

    After `length` the rate stays, or with `periodic` rises as it fell, as PyTorch's CosineAnnealingLR past its T_max.
    """

    type: Literal["cosine"] = "cosine"
    min_lr: NonNegative = Field(0.0, description="the rate at the end")
    length: Duration = Field(ALL, description="how long the way down takes")
    periodic: bool = Field(False, description="rise again after it, and so on")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        length = self.length.in_steps(plan)
        part = step / max(length, 1) if self.periodic else _part(step, length)
        return self.min_lr + (lr - self.min_lr) * (1 + math.cos(math.pi * part)) / 2


class CosineRestartsSchedule(Schedule):
    """Half cosines one after the other, each `factor` times as long as the one before (SGDR, arXiv:1608.03983)."""

    type: Literal["cosine_restarts"] = "cosine_restarts"
    first: Period = Field(description="length of the first cycle")
    factor: Annotated[int, Field(ge=1)] = Field(1, description="a cycle's length divided by the one before")
    min_lr: NonNegative = Field(0.0, description="the rate at the end of a cycle")

    def shape(self, step: int, steps: int, lr: float, plan: Plan) -> float:
        length = max(self.first.in_steps(plan), 1)
        if self.factor == 1:
            step %= length
        while step >= length:
            step, length = step - length, length * self.factor
        return self.min_lr + (lr - self.min_lr) * (1 + math.cos(math.pi * step / length)) / 2


class OneCycleSchedule(Schedule):
    """One rise to the highest rate and one fall far below the first, the momentum the other way (PyTorch's OneCycleLR).

    The highest rate is the optimizer's `lr`, or `max_lr`; the first is `div_factor` times smaller, the last
    `final_div_factor` times smaller than the first. Smith & Topin 2017, arXiv:1708.07120.
    """

    type: Literal["one_cycle"] = "one_cycle"
    max_lr: Positive | None = Field(None, description="the highest rate; the optimizer's lr where not given")
    pct_start: Annotated[float, Field(gt=0, lt=1)] = Field(0.3, description="part of the steps that the rise takes")
    anneal_strategy: Literal["cos", "linear"] = Field("cos", description="form of rise and fall")
    cycle_momentum: bool = Field(True, description="move the momentum (beta1 of Adam) against the rate")
    base_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.85, description="the momentum at the highest rate")
    max_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.95, description="the momentum at both ends")
    div_factor: Positive = Field(25.0, description="the highest rate divided by the first")
    final_div_factor: Positive = Field(1e4, description="the first rate divided by the last")
    three_phase: bool = Field(False, description="fall as long as the rise, then lower to the end")

    @property
    def moves_momentum(self) -> bool:
        return self.cycle_momentum

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        top = self.max_lr if self.max_lr is not None else lr
        first = top / self.div_factor
        last = first / self.final_div_factor
        high, low = self.max_momentum, self.base_momentum
        rise = self.pct_start * plan.steps - 1
        phases = [(rise, first, top, high, low), (plan.steps - 1.0, top, last, low, high)]
        if self.three_phase:
            phases[1:] = [(2 * rise, top, first, low, high), (plan.steps - 1.0, first, last, high, high)]
        start = 0.0
        for end, lr_from, lr_to, momentum_from, momentum_to in phases:
            if step <= end or end == phases[-1][0]:
                part = min(max((step - start) / (end - start), 0.0), 1.0) if end > start else 1.0
                found = {"lr": self._between(lr_from, lr_to, part)}
                if self.cycle_momentum:
                    found["momentum"] = self._between(momentum_from, momentum_to, part)
                return found
            start = end
        raise AssertionError

    def _between(self, a: float, b: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return a + (b - a) * part
        return b + (a - b) / 2 * (1 + math.cos(math.pi * part))


class CyclicSchedule(Schedule):
    """Up and down between the optimizer's rate and `max_lr` (Smith 2017, arXiv:1506.01186; PyTorch's CyclicLR).

    `triangular2` halves the height with each cycle; `exp_range` lowers it by `gamma` with each step.
    """

    type: Literal["cyclic"] = "cyclic"
    max_lr: Positive = Field(description="the highest rate")
    step_size_up: Period = Field(description="length of a rise: 2000 steps, 3 epochs, 10%")
    step_size_down: Period | None = Field(None, description="length of a fall; that of a rise where not given")
    mode: Literal["triangular", "triangular2", "exp_range"] = Field("triangular", description="how the height changes")
    gamma: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="factor of a step in exp_range")
    cycle_momentum: bool = Field(False, description="move the momentum (beta1 of Adam) against the rate")
    base_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.8, description="the momentum at the highest rate")
    max_momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="the momentum at the lowest rate")

    @property
    def moves_momentum(self) -> bool:
        return self.cycle_momentum

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        up = max(self.step_size_up.in_steps(plan), 1)
        down = up if self.step_size_down is None else max(self.step_size_down.in_steps(plan), 1)
        cycle, within = divmod(step, up + down)
        height = within / up if within <= up else (up + down - within) / down
        if self.mode == "triangular2":
            height /= 2**cycle
        elif self.mode == "exp_range":
            height *= self.gamma**step
        found = {"lr": lr + (self.max_lr - lr) * height}
        if self.cycle_momentum:
            found["momentum"] = self.max_momentum - (self.max_momentum - self.base_momentum) * height
        return found


class NoamSchedule(Schedule):
    """lr d_model ** -0.5 min(t ** -0.5, t warmup ** -1.5) with t from 1 (Vaswani et al. 2017, arXiv:1706.03762).

    The rate is a factor here, 1 in the paper; it is highest at the end of the warmup, which must be given.
    """

    type: Literal["noam"] = "noam"
    d_model: Annotated[int, Field(gt=0)] = Field(description="width of the model")
    warmup: Period = Field(description="how long the rate rises: 4000 steps")

    def settings(self, step: int, lr: float, plan: Plan, state: State | None = None) -> dict[str, float]:
        warm = max(self.warmup.in_steps(plan), 1)
        return {"lr": lr * self.d_model**-0.5 * min((step + 1) ** -0.5, (step + 1) * warm**-1.5)}


class PlateauSchedule(Schedule):
    """The rate is multiplied by `factor` when a metric has not improved for `patience` evaluations.

    PyTorch's ReduceLROnPlateau: more than `patience` evaluations in a row that are not better by the threshold; after a
    fall, `cooldown` evaluations do not count.
    """

    type: Literal["plateau"] = "plateau"
    monitor: str | None = Field(
        None, description="metric to watch, such as val/loss; the one of early stop where not given"
    )
    mode: Literal["min", "max"] = Field("min", description="whether a smaller or a larger metric is better")
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="factor between one rate and the next")
    patience: Annotated[int, Field(ge=0)] = Field(10, description="evaluations without improvement that are borne")
    threshold: NonNegative = Field(1e-4, description="a smaller improvement does not count")
    threshold_mode: Literal["rel", "abs"] = Field(
        "rel", description="whether the threshold is a part of the best or a number"
    )
    cooldown: Annotated[int, Field(ge=0)] = Field(0, description="evaluations after a fall that do not count")
    min_lr: NonNegative = Field(0.0, description="the smallest rate")

    learns: ClassVar[bool] = True

    def start(self) -> dict[str, Any]:
        return {"best": None, "bad": 0, "cooling": 0, "falls": 0}

    def observe(self, state: State, metric: float) -> dict[str, Any]:
        new = dict(state)
        if self._better(metric, state["best"]):
            new.update(best=metric, bad=0)
        else:
            new["bad"] += 1
        if new["cooling"] > 0:
            new.update(cooling=new["cooling"] - 1, bad=0)
        if new["bad"] > self.patience:
            new.update(cooling=self.cooldown, bad=0, falls=new["falls"] + 1)
        return new

    def _better(self, metric: float, best: float | None) -> bool:
        if best is None or math.isnan(metric):
            return not math.isnan(metric)
        sign = 1 if self.mode == "max" else -1
        margin = self.threshold * (best if self.threshold_mode == "rel" else 1)
        return metric > best + margin if sign > 0 else metric < best - margin

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        for _ in range(state["falls"]):
            lower = max(lr * self.factor, self.min_lr)
            if lr - lower <= 1e-8:
                break
            lr = lower
        return {"lr": lr}


class Parts(Schedule):
    """Base of schedules made of schedules."""

    schedules: tuple[Annotated[Schedule, Variant("schedule")], ...] = Field(min_length=1, description="the parts")

    @model_validator(mode="after")
    def _nothing_learns(self) -> Self:
        if any(s.learns for s in self.schedules):
            raise ValueError("plateau cannot be a part: use it alone, with its own warmup")
        return self

    @property
    def moves_momentum(self) -> bool:
        return any(s.moves_momentum for s in self.schedules)


class SequenceSchedule(Parts):
    """Schedules one after the other, each counting from its own start (PyTorch's SequentialLR).

    Lengths in % inside a part are parts of that part.
    """

    type: Literal["sequence"] = "sequence"
    milestones: tuple[Duration, ...] = Field(description="when each part but the first starts: [10%, 50%]")

    @model_validator(mode="after")
    def _one_milestone_less(self) -> Self:
        if len(self.milestones) != len(self.schedules) - 1:
            raise ValueError(f"{len(self.schedules)} schedules need {len(self.schedules) - 1} milestones")
        return self

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        bounds = [0, *(m.in_steps(plan) for m in self.milestones), plan.steps]
        i = max(k for k in range(len(self.schedules)) if step >= bounds[k])
        part = Plan(max(bounds[i + 1] - bounds[i], 1), plan.steps_per_epoch)
        return self.schedules[i].settings(step - bounds[i], lr, part)


class ProductSchedule(Parts):
    """The factors that several schedules put on the rate, multiplied (PyTorch's ChainedScheduler)."""

    type: Literal["product"] = "product"

    def shaped(self, step: int, lr: float, plan: Plan, state: State) -> dict[str, float]:
        found = {"lr": lr}
        for schedule in self.schedules:
            found |= schedule.settings(step, found["lr"], plan)
        return found


def _part(step: int, length: int) -> float:
    """How much of the way is done, at most 1."""
    return min(step / length, 1.0) if length else 1.0
