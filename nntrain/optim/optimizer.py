"""`OptimizerSpec`, an update rule with its settings, and `Optimizer`, which runs it over a list of tensors."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from nntrain.backend import Array
from nntrain.component import Component
from nntrain.engine.graph import no_grad
from nntrain.engine.tensor import Tensor
from nntrain.optim.flat import FlatParameters, Segment


class OptimizerSpec(Component, kind="optimizer"):
    """Base of all update rules. A rule is pure: `host` computes this step's numbers, `update` applies an op."""

    lr: float = Field(ge=0, description="learning rate")
    weight_decay: float = Field(0.0, ge=0, description="decay of the weights")

    def slots(self) -> tuple[str, ...]:
        """Names of the arrays, as large as the parameters and zero at first, that the rule keeps."""
        return ()

    def host(self, step: int, lr: float) -> tuple[float, ...]:
        """The numbers of update `step` (from 1), computed in float64 on the host; `h` of the update op."""
        return (lr,)

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        """Change p and its slots in place."""
        raise NotImplementedError


@dataclass
class Run:
    """A stretch of parameters that one call updates: a whole flat array, part of one, or a single foreign tensor."""

    values: Tensor
    gradients: Tensor
    slots: dict[str, Tensor]


class Group:
    """Parameters that share settings, the slots of each, and how many updates each has had."""

    def __init__(self, spec: OptimizerSpec, parameters: Sequence[Tensor], flat: FlatParameters | None) -> None:
        self.spec = spec
        self.lr = spec.lr
        self.parameters = list(parameters)
        self.flat = flat
        self.steps = [0] * len(self.parameters)
        if flat is not None:
            xp = self.parameters[0]._backend.xp if self.parameters else np
            self.flat_slots: dict[str, Array] = {
                n: None if flat.values is None else xp.zeros_like(flat.values) for n in spec.slots()
            }
            self.slots = [
                {n: a[s.start : s.stop].reshape(s.tensor.shape) for n, a in self.flat_slots.items()}
                for s in flat.segments
            ]
        else:
            self.slots = [{n: p._backend.xp.zeros_like(p._array) for n in spec.slots()} for p in self.parameters]
        self._runs: dict[tuple[tuple[int, int], ...], list[Run]] = {}

    def runs(self) -> list[tuple[int, Run]]:
        """What to update now, each with its step: neighbours in a flat array that have a gradient and one step go together."""
        spans: list[tuple[int, int]] = []
        for i, p in enumerate(self.parameters):
            if p._grad is None:
                continue
            if self.flat is not None and spans and spans[-1][1] == i and self.steps[spans[-1][0]] == self.steps[i]:
                spans[-1] = (spans[-1][0], i + 1)
            else:
                spans.append((i, i + 1))
        key = tuple(spans)
        if self.flat is None:
            made = [self._foreign(i) for i, _ in spans]
        else:
            self.flat.settle()
            if key not in self._runs:
                self._runs = {key: [self._stretch(self.flat, a, b) for a, b in spans]}
            made = self._runs[key]
        return [(self.steps[a], run) for (a, _), run in zip(spans, made, strict=True)]

    def _foreign(self, i: int) -> Run:
        p = self.parameters[i]
        assert p._grad is not None
        return Run(p.detach(), p._grad, {n: Tensor._wrap(a, p._backend, False) for n, a in self.slots[i].items()})

    def _stretch(self, flat: FlatParameters, first: int, last: int) -> Run:
        segments: list[Segment] = flat.segments
        part = slice(segments[first].start, segments[last - 1].end)
        backend = self.parameters[first]._backend

        def view(a: Array) -> Tensor:
            return Tensor._wrap(a[part], backend, False)

        return Run(view(flat.values), view(flat.gradients), {n: view(a) for n, a in self.flat_slots.items()})

    def advance(self) -> None:
        """Count the update for every parameter that had a gradient."""
        for i, p in enumerate(self.parameters):
            if p._grad is not None:
                self.steps[i] += 1
                p._version[0] += 1


class Optimizer:
    """Updates tensors from their `.grad`: `step()`, then `zero_grad()`.

    `params` is a list of tensors that require gradients, or a list of maps with `params` and settings of their own
    (`lr`, `weight_decay`, ...). A tensor whose `.grad` is None is left alone, moments included. `flat` is given by the
    trainer, whose parameters live in one array. Raises ValueError for an empty list or a tensor without gradients.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        spec: OptimizerSpec,
        flat: FlatParameters | None = None,
    ) -> None:
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given and flat is None:
            raise ValueError("an optimizer needs at least one parameter")
        self.spec = spec
        self.groups: list[Group] = []
        maps = [g for g in given if isinstance(g, Mapping)]
        if maps and len(maps) != len(given):
            raise ValueError("params: give tensors or maps with 'params', not both")
        for g in maps or [{"params": given}]:
            settings = {k: v for k, v in g.items() if k != "params"}
            own = spec.model_validate({**spec.model_dump(), **settings})
            members = list(g["params"])
            for p in members:
                if not isinstance(p, Tensor) or not p.requires_grad or not p.is_leaf:
                    raise ValueError("every parameter must be a leaf tensor with requires_grad=True")
            self.groups.append(Group(own, members, flat))
        every = [id(p) for g in self.groups for p in g.parameters]
        if len(set(every)) != len(every):
            raise ValueError("a parameter is in two groups, or twice in one")

    @property
    def lr(self) -> float:
        """The rate of the first group."""
        return self.groups[0].lr

    @lr.setter
    def lr(self, value: float) -> None:
        for g in self.groups:
            g.lr = value

    def zero_grad(self) -> None:
        """Set every gradient to None."""
        for p in itertools.chain.from_iterable(g.parameters for g in self.groups):
            p._grad = None

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        with no_grad():
            for group in self.groups:
                for done, run in group.runs():
                    numbers = group.spec.host(done + 1, group.lr)
                    backend = run.values._backend
                    h = Tensor._wrap(backend.from_host(np.asarray(numbers, run.values.dtype)), backend, False)
                    group.spec.update(run.values, run.gradients, run.slots, h)
                group.advance()

    def state_dict(self) -> dict[str, Any]:
        """Slots (NumPy arrays) and update counts of every parameter, by group and position."""
        found: dict[str, Any] = {}
        for k, group in enumerate(self.groups):
            for i, (slots, p) in enumerate(zip(group.slots, group.parameters, strict=True)):
                found[f"{k}.{i}.step"] = group.steps[i]
                found.update({f"{k}.{i}.{n}": np.array(p._backend.to_host(a)) for n, a in slots.items()})
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned. KeyError where it does not fit."""
        for k, group in enumerate(self.groups):
            for i, (slots, p) in enumerate(zip(group.slots, group.parameters, strict=True)):
                group.steps[i] = int(state[f"{k}.{i}.step"])
                for n, a in slots.items():
                    a[...] = p._backend.from_host(np.asarray(state[f"{k}.{i}.{n}"]))
