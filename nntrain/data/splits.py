"""Splits: which rows are for training, validation and test. Decided before anything is fitted."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.backend.random import generator
from nntrain.component import Component
from nntrain.data.raw import Rows


class SplitSpec(Component, kind="split"):
    """Base of all ways to split."""

    def rows(self, count: int, classes: Rows | None, fixed: Mapping[str, Rows], seed: int) -> dict[str, Rows]:
        """Sorted row numbers of "train", "val" and "test". `classes` are class numbers, `fixed` what the source decided."""
        raise NotImplementedError


class RandomSplit(SplitSpec):
    """Rows at random, from the config's seed; for classes each split gets its share of every class."""

    type: Literal["random"] = "random"
    val: float = Field(0.15, ge=0, lt=1, description="share of the rows for validation")
    test: float = Field(
        0.15, ge=0, lt=1, description="share of the rows for the test; unused where the source has test rows"
    )
    stratify: bool = Field(True, description="each split gets its share of every class")

    @model_validator(mode="after")
    def _leaves_rows(self) -> "RandomSplit":
        if self.val + self.test >= 1:
            raise PydanticCustomError("split_shares", "val and test together leave no rows to train on")
        return self

    def rows(self, count: int, classes: Rows | None, fixed: Mapping[str, Rows], seed: int) -> dict[str, Rows]:
        rng = generator(seed, "split")
        free = np.setdiff1d(np.arange(count), np.concatenate([np.zeros(0, np.int64), *fixed.values()]))
        shares = {name: share for name, share in (("val", self.val), ("test", self.test)) if name not in fixed}
        found: dict[str, list[Rows]] = {"train": [], **{name: [] for name in shares}}
        groups = [free]
        if self.stratify and classes is not None:
            groups = [free[classes[free] == c] for c in np.unique(classes[free])]
        debt = dict.fromkeys(shares, 0.0)  # what rounding owes to each split, carried from class to class
        for group in groups:
            order = rng.permutation(group)
            at = 0
            for name, share in shares.items():
                wanted = share * len(group) + debt[name]
                take = min(round(wanted), len(group) - at)
                debt[name] = wanted - take
                found[name].append(order[at : at + take])
                at += take
            found["train"].append(order[at:])
        joined: dict[str, Any] = {name: np.sort(np.concatenate(parts)) for name, parts in found.items() if parts}
        return {name: r for name, r in {**joined, **{n: np.sort(r) for n, r in fixed.items()}}.items() if len(r)}
