"""`OptimizerSpec`, an update rule with its settings, and `Optimizer`, which runs it over a list of tensors."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from nntrain.backend import Array
from nntrain.component import Component
from nntrain.engine.graph import apply, no_grad
from nntrain.engine.tensor import Tensor
from nntrain.optim.flat import FlatParameters


class ParameterGroup(BaseModel):
    """Parameters with settings of their own: `match` and any setting of the rule, such as `lr` and `weight_decay`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    match: str | tuple[str, ...] = Field(
        description="names of parameters, such as linear_1.bias; * stands for anything: '*.bias'"
    )

    @property
    def patterns(self) -> tuple[str, ...]:
        """`match` as a tuple."""
        return (self.match,) if isinstance(self.match, str) else self.match

    def has(self, name: str) -> bool:
        """Whether a parameter of this name belongs to the group."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    @property
    def settings(self) -> dict[str, Any]:
        """What the group sets besides `match`."""
        return dict(self.model_extra or {})


class OptimizerSpec(Component, kind="optimizer"):
    """Base of all update rules. A rule is pure: `host` computes this step's numbers, `update` applies an op."""

    lr: float = Field(ge=0, description="learning rate")
    weight_decay: float = Field(0.0, ge=0, description="decay of the weights")
    maximize: bool = Field(False, description="climb instead of descend")
    groups: tuple[ParameterGroup, ...] = Field(
        (),
        description="parameters with settings of their own: {match: '*.bias', weight_decay: 0}; the first match counts",
    )

    @model_validator(mode="after")
    def _groups_are_settings(self) -> Self:
        errors: list[InitErrorDetails] = []
        for i, group in enumerate(self.groups):
            try:
                self.of(group)
            except ValidationError as error:
                errors += [_relocated(e, ("groups", i)) for e in error.errors(include_url=False)]
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self

    def of(self, group: ParameterGroup) -> Self:
        """This rule with the settings of a group in the place of its own. ValidationError where they are not settings."""
        own = {k: v for k, v in self.model_dump().items() if k not in ("type", "groups")}
        unknown = [k for k in group.settings if k not in own]
        if unknown:
            raise ValidationError.from_exception_data(
                type(self).__name__,
                [InitErrorDetails(type="extra_forbidden", loc=(key,), input=group.settings[key]) for key in unknown],
            )
        return type(self).model_validate({**own, **group.settings})

    def slots(self) -> dict[str, float]:
        """Names of the arrays, as large as the parameters, that the rule keeps, and what fills them at first."""
        return {}

    def cycled(self) -> float | None:
        """The momentum that a schedule may move (one_cycle, cyclic); None where the rule has none."""
        return None

    def host(self, step: int, lr: float, momentum: float) -> tuple[float, ...]:
        """The numbers of update `step` (from 1), computed in float64 on the host; `h` of the update op."""
        return (lr,)

    def update(self, p: Tensor, g: Tensor, slots: Mapping[str, Tensor], h: Tensor) -> None:
        """Change p and its slots in place."""
        raise NotImplementedError


def _relocated(error: Any, path: tuple[str | int, ...]) -> InitErrorDetails:
    """An error inside a group at its place in the whole."""
    kind: Any = error["type"]
    if kind != "extra_forbidden":
        kind = PydanticCustomError(kind, "{relayed}", {**error.get("ctx", {}), "relayed": error["msg"]})
    return InitErrorDetails(type=kind, loc=(*path, *error["loc"]), input=error["input"])


@dataclass
class Run:
    """A stretch of parameters that one call updates: a whole flat array, part of one, or a single foreign tensor."""

    values: Tensor
    gradients: Tensor
    slots: dict[str, Tensor]
    h: Tensor | None = None  # this step's numbers; the array stays, so that a recorded step reads new ones


class Group:
    """Parameters that share settings, the slots of each, and how many updates each has had.

    With `flat`, they must be neighbours there. `lr` and `momentum` are those of the next step.
    """

    def __init__(
        self,
        spec: OptimizerSpec,
        parameters: Sequence[Tensor],
        flat: FlatParameters | None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.spec = spec
        self.lr = spec.lr
        self.momentum = spec.cycled() or 0.0
        self.parameters = list(parameters)
        self.names = list(names) if names is not None else None
        self.flat = flat
        self.steps = [0] * len(self.parameters)
        self._runs: dict[tuple[tuple[int, int], ...], list[Run]] = {}
        if flat is None:
            self.slots = [
                {n: p._backend.xp.full_like(p._array, start) for n, start in spec.slots().items()}
                for p in self.parameters
            ]
            return
        place = {id(s.tensor): i for i, s in enumerate(flat.segments)}
        found = [place.get(id(p), -1) for p in self.parameters]
        first = found[0] if found else 0
        if found != list(range(first, first + len(found))):
            raise ValueError("the parameters of a group must be neighbours in the flat array")
        self.segments = flat.segments[first : first + len(found)]
        self.offset = self.segments[0].start if found else 0
        size = self.segments[-1].end - self.offset if found else 0
        self.flat_slots: dict[str, Array] = {}
        for name, start in spec.slots().items() if found else ():
            array = self.flat_slots[name] = self.parameters[0]._backend.xp.zeros(size, flat.values.dtype)
            for s in self.segments:
                array[s.start - self.offset : s.stop - self.offset] = start
        self.slots = [
            {
                n: a[s.start - self.offset : s.stop - self.offset].reshape(s.tensor.shape)
                for n, a in self.flat_slots.items()
            }
            for s in self.segments
        ]

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
        start, end = self.segments[first].start, self.segments[last - 1].end
        backend = self.parameters[first]._backend

        def view(a: Array, offset: int = 0) -> Tensor:
            return Tensor._wrap(a[start - offset : end - offset], backend, False)

        slots = {n: view(a, self.offset) for n, a in self.flat_slots.items()}
        return Run(view(flat.values), view(flat.gradients), slots)

    def write(self) -> list[Run]:
        """Put the numbers of the coming update into the `h` of every run that will make it."""
        runs = []
        for done, run in self.runs():
            numbers = np.asarray(self.spec.host(done + 1, self.lr, self.momentum), run.values.dtype)
            backend = run.values._backend
            if run.h is None:
                run.h = Tensor._wrap(backend.from_host(numbers), backend, False)
            else:
                run.h._array[...] = backend.from_host(numbers)
            runs.append(run)
        return runs

    def update(self, run: Run) -> None:
        """Apply the rule to one stretch."""
        assert run.h is not None
        gradients: Tensor = apply("neg", run.gradients) if self.spec.maximize else run.gradients
        self.spec.update(run.values, gradients, run.slots, run.h)

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
    trainer, whose parameters live in one array. Raises ValueError for an empty list, for a tensor without gradients, and
    for one that is given twice.
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
        self.flat = flat
        self.groups: list[Group] = []
        maps = [g for g in given if isinstance(g, Mapping)]
        if maps and len(maps) != len(given):
            raise ValueError("params: give tensors or maps with 'params', not both")
        for g in maps or [{"params": given}]:
            settings = {k: v for k, v in g.items() if k not in ("params", "names")}
            own = type(spec).model_validate({**spec.model_dump(exclude={"type", "groups"}), **settings})
            members = list(g["params"])
            for p in members:
                if not isinstance(p, Tensor) or not p.requires_grad or not p.is_leaf:
                    raise ValueError("every parameter must be a leaf tensor with requires_grad=True")
            self.groups.append(Group(own, members, flat, g.get("names")))
        every = [id(p) for g in self.groups for p in g.parameters]
        if len(set(every)) != len(every):
            raise ValueError("a parameter is in two groups, or twice in one")

    @property
    def lr(self) -> float:
        """The rate of the first group's next step."""
        return self.groups[0].lr

    @lr.setter
    def lr(self, value: float) -> None:
        for g in self.groups:
            g.lr = value

    def set(self, settings: Mapping[str, float], group: Group) -> None:
        """Take `lr` and `momentum` of the next step from a schedule, for one group."""
        group.lr = settings["lr"]
        if "momentum" in settings:
            if group.spec.cycled() is None:
                raise ValueError(
                    f"the schedule moves the momentum, and {getattr(group.spec, 'type', 'this rule')} has none to move"
                )
            group.momentum = settings["momentum"]

    def zero_grad(self) -> None:
        """Set every gradient to None."""
        for p in itertools.chain.from_iterable(g.parameters for g in self.groups):
            p._grad = None

    def write(self) -> list[tuple[Group, Run]]:
        """The first half of a step: the host's numbers, written where the update ops read them."""
        return [(group, run) for group in self.groups for run in group.write()]

    def update(self, runs: Sequence[tuple[Group, Run]]) -> None:
        """The second half of a step: operations alone, so that it can be recorded."""
        with no_grad():
            for group, run in runs:
                group.update(run)

    def advance(self) -> None:
        """Count the step. `step()` is `write`, `update` and `advance`."""
        for group in self.groups:
            group.advance()

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self.update(self.write())
        self.advance()

    def _keys(self) -> Iterable[tuple[str, Group, int]]:
        for k, group in enumerate(self.groups):
            for i in range(len(group.parameters)):
                yield (f"{k}.{i}" if group.names is None else group.names[i]), group, i

    def state_dict(self) -> dict[str, Any]:
        """Slots (NumPy arrays) and update counts of every parameter, by its name, or else by group and position."""
        found: dict[str, Any] = {}
        for key, group, i in self._keys():
            found[f"{key}.step"] = group.steps[i]
            backend = group.parameters[i]._backend
            found.update({f"{key}.{n}": np.array(backend.to_host(a)) for n, a in group.slots[i].items()})
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned. KeyError for missing or unknown names, ValueError for another shape."""
        own = self.state_dict()
        if own.keys() != state.keys():
            missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
            raise KeyError(f"the optimizer's state does not fit: missing {missing[:5]}, unknown {unknown[:5]}")
        for key, value in own.items():
            if np.shape(value) != np.shape(state[key]):
                raise ValueError(f"{key} has shape {np.shape(value)}, the state's has {np.shape(state[key])}")
        for key, group, i in self._keys():
            group.steps[i] = int(state[f"{key}.step"])
            for n, a in group.slots[i].items():
                a[...] = group.parameters[i]._backend.from_host(np.asarray(state[f"{key}.{n}"]))


def build(spec: OptimizerSpec, named_parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> Optimizer:
    """The optimizer of a config: groups by name, all parameters in one flat array, those of a group side by side.

    The parameters that no group matches come first. `optimizer.flat` is the array, `optimizer.flat.names` its order.
    ValueError where a group matches nothing, with the position of the group as its second argument.
    """
    named = dict(named_parameters)
    left = dict(named)
    chosen: list[dict[str, Tensor]] = []
    for i, group in enumerate(spec.groups):
        chosen.append({n: left.pop(n) for n in list(left) if group.has(n)})
        if not chosen[-1]:
            taken = any(group.has(n) for n in named)
            why = "a group above has taken all it matches" if taken else f"there are {', '.join(named)}"
            raise ValueError(f"no parameter is left for {', '.join(group.patterns)}: {why}", i)
    order = [left, *chosen] if left or not chosen else chosen
    flat = FlatParameters({n: t for group in order for n, t in group.items()})
    settings: list[dict[str, Any]] = [{}] * (len(order) - len(chosen)) + [g.settings for g in spec.groups]
    maps = [
        {"params": list(members.values()), "names": list(members), **own}
        for members, own in zip(order, settings, strict=True)
    ]
    return Optimizer(maps, spec, flat)
