"""Metrics, accumulated over a whole split in float64: a ragged last batch weighs what it should."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np

from nntrain.component import Component

Array = np.ndarray[Any, Any]


class Accumulator(ABC):
    """Takes predictions and targets piece by piece."""

    @abstractmethod
    def update(self, prediction: Array, target: Array) -> None:
        """Add some rows: logits (n, classes) and class numbers (n), or numbers (n, 1) in the data's units."""

    @abstractmethod
    def result(self) -> float:
        """The figure over everything added; NaN for nothing."""


class Metric(Component, kind="metric"):
    """Base of all metrics."""

    #: kinds of target (`TargetInfo.kind`) the metric is for
    targets: ClassVar[tuple[str, ...]] = ()
    #: whether larger or smaller is better
    better: ClassVar[Literal["max", "min"]] = "min"

    def accumulator(self) -> Accumulator:
        """A fresh accumulator."""
        raise NotImplementedError


class _Mean(Accumulator):
    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, values: Array) -> None:
        self.total += float(values.sum(dtype=np.float64))
        self.count += values.size

    def result(self) -> float:
        return self.total / self.count if self.count else float("nan")


class _Accuracy(_Mean):
    def update(self, prediction: Array, target: Array) -> None:
        self.add(prediction.argmax(axis=-1) == target)


class _SquaredError(_Mean):
    def update(self, prediction: Array, target: Array) -> None:
        self.add((prediction - target) ** 2)


class _RootSquaredError(_SquaredError):
    def result(self) -> float:
        return float(np.sqrt(super().result()))


class _AbsoluteError(_Mean):
    def update(self, prediction: Array, target: Array) -> None:
        self.add(np.abs(prediction - target))


class _R2(Accumulator):
    """1 - squared error / squared deviation from the mean; the targets are kept, so that the mean is exact."""

    def __init__(self) -> None:
        self.error = 0.0
        self.targets: list[Array] = []

    def update(self, prediction: Array, target: Array) -> None:
        self.error += float(((prediction - target) ** 2).sum(dtype=np.float64))
        self.targets.append(np.asarray(target, np.float64).ravel())

    def result(self) -> float:
        if not self.targets:
            return float("nan")
        y = np.concatenate(self.targets)
        spread = float(((y - y.mean()) ** 2).sum())
        return 1 - self.error / spread if spread else float("nan")


class Accuracy(Metric):
    """Share of rows whose largest logit is the target's."""

    type: Literal["accuracy"] = "accuracy"
    targets: ClassVar[tuple[str, ...]] = ("classes", "tokens")
    better: ClassVar[Literal["max", "min"]] = "max"

    def accumulator(self) -> Accumulator:
        return _Accuracy()


class MSE(Metric):
    """Mean squared error, in squared units of the target."""

    type: Literal["mse"] = "mse"
    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")

    def accumulator(self) -> Accumulator:
        return _SquaredError()


class RMSE(Metric):
    """Root of the mean squared error, in units of the target."""

    type: Literal["rmse"] = "rmse"
    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")

    def accumulator(self) -> Accumulator:
        return _RootSquaredError()


class MAE(Metric):
    """Mean absolute error, in units of the target."""

    type: Literal["mae"] = "mae"
    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")

    def accumulator(self) -> Accumulator:
        return _AbsoluteError()


class R2(Metric):
    """1 less the share of the target's variance that is left over."""

    type: Literal["r2"] = "r2"
    targets: ClassVar[tuple[str, ...]] = ("number", "numbers")
    better: ClassVar[Literal["max", "min"]] = "max"

    def accumulator(self) -> Accumulator:
        return _R2()


def default_metrics(kind: str) -> tuple[Metric, ...]:
    """What is reported where the config does not say: for classes the accuracy, for numbers RMSE and R2."""
    return (Accuracy(),) if kind in ("classes", "tokens") else (RMSE(), R2())
