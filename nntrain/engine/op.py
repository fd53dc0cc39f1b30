"""The op registry: what a declaration in `nntrain.ops` means, and how a call of one is planned.

An op is a class under `@op`; its functions' signatures are the declaration:

    @op
    class tanh:
        '''tanh(x), elementwise.'''
        elementwise = True
        def forward(xp, x, y): xp.tanh(x, out=y)
        def backward(xp, y, gy, gx): xp.multiply(gy, 1 - y * y, out=gx)
        def samples(draw): yield draw.sample(draw.normal(3, 4))

- `shape(*inputs, **attrs)` takes a Spec for each input and returns the Spec of each output (one, or a tuple in the order
  of `outputs`). Its positional names are the inputs, a default of None makes one optional, `*xs` makes the op variadic,
  its keyword-only names are the attributes. `elementwise` ops may leave it out: their inputs broadcast.
- `forward(xp, inputs..., outputs..., residuals..., scratch..., *, attrs)` writes every element of its outputs and
  residuals, and nothing else (except inputs named in `state`). It returns nothing and keeps nothing.
- `bind(x, *, attrs)` stands in the place of `forward` in an op that makes views: it returns one of its input.
- `backward` names what it reads (inputs, outputs, residuals: exactly these are kept for it), `g<output>` for incoming
  and `g<input>` for outgoing gradients. An outgoing gradient that nobody needs arrives as None. In an elementwise op
  it has the shape of the output: the engine undoes broadcasting.
- `residuals(*inputs, **attrs)` and `scratch(*inputs, **attrs)` return {name: Spec} of further arrays.
- `samples(draw)` yields the inputs from which all tests of the op are made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from nntrain import backend as devices
from nntrain.engine.spec import Spec, broadcast, promote

Function = Callable[..., Any]


@dataclass(frozen=True)
class Sample:
    """One call of an op, from which its tests are made."""

    inputs: tuple[np.ndarray[Any, Any] | None, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


class Draw:
    """Makes the arrays of samples, the same every time. Everything is float64; checks cast as they need."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def sample(self, *inputs: Any, name: str = "", **attrs: Any) -> Sample:
        return Sample(tuple(None if x is None else np.asarray(x) for x in inputs), attrs, name)

    def normal(self, *shape: int) -> np.ndarray[Any, Any]:
        return np.asarray(self.rng.standard_normal(shape))

    def positive(self, *shape: int) -> np.ndarray[Any, Any]:
        """Between 0.3 and 2."""
        return np.asarray(self.rng.uniform(0.3, 2.0, shape))

    def unit(self, *shape: int) -> np.ndarray[Any, Any]:
        """Between 0.1 and 0.9."""
        return np.asarray(self.rng.uniform(0.1, 0.9, shape))

    def away(self, *shape: int, kinks: tuple[float, ...] = (0.0,), gap: float = 0.1) -> np.ndarray[Any, Any]:
        """Normal values, none nearer than `gap` to a point where the op has no derivative."""
        x = self.normal(*shape)
        for kink in kinks:
            near = np.abs(x - kink) < gap
            x = np.where(near, kink + np.where(x >= kink, gap, -gap) * 1.5, x)
        return np.asarray(x)

    def distinct(self, *shape: int, gap: float = 0.1) -> np.ndarray[Any, Any]:
        """Values that differ from each other by at least `gap`: for maxima and sorting."""
        size = int(np.prod(shape, dtype=np.int64))
        return np.asarray((self.rng.permutation(size) - size / 2.0) * gap).reshape(shape)

    def ints(self, high: int, *shape: int) -> np.ndarray[Any, Any]:
        return np.asarray(self.rng.integers(0, high, shape))


class Implementation:
    """A forward and a backward that belong together, with their own residuals and scratch."""

    def __init__(self, declaration: type, op: Op) -> None:
        self.origin = f"{declaration.__module__}.{declaration.__qualname__}"
        self.is_reference = declaration is op.declaration
        self.forward: Function = declaration.__dict__.get("bind") or declaration.__dict__["forward"]
        self.backward: Function | None = declaration.__dict__.get("backward")
        self.residuals: Function | None = declaration.__dict__.get("residuals")
        self.scratch: Function | None = declaration.__dict__.get("scratch")
        self.when: Function | None = declaration.__dict__.get("when")
        self.worth: Function | None = declaration.__dict__.get("worth")
        self.any_strides: bool = declaration.__dict__.get("any_strides", self.is_reference)
        self.accumulates: bool = declaration.__dict__.get("accumulates", False)

    def accepts(self, specs: tuple[Spec | None, ...], attrs: Mapping[str, Any]) -> bool:
        """Whether it can compute this call."""
        return self.when is None or bool(self.when(*specs, **attrs))

    def pays(self, specs: tuple[Spec | None, ...], attrs: Mapping[str, Any]) -> bool:
        """Whether it is worth its start-up for a call of this size."""
        return self.worth is None or bool(self.worth(*specs, **attrs))


class Op:
    """One operation: its names, its shape rule, its reference implementation and its samples."""

    def __init__(self, declaration: type) -> None:
        body = declaration.__dict__
        self.declaration = declaration
        self.name = declaration.__name__.rstrip("_")
        self.doc = inspect.cleandoc(declaration.__doc__ or "")
        self.elementwise: bool = body.get("elementwise", False)
        self.view: bool = "bind" in body
        self.reshapes: bool = body.get("reshapes", False)
        self.state: tuple[str, ...] = body.get("state", ())
        self.outputs: tuple[str, ...] = body.get("outputs", ("y",))
        self.samples: Callable[[Draw], Iterator[Sample]] | None = body.get("samples")
        self.tolerance: float = body.get("tolerance", 1.0)  # widens the float32 checks of an ill-conditioned op
        self.reference = Implementation(declaration, self)

        declared = body.get("shape")
        names, self.variadic, self.attrs = _parameters(declared or body["forward"])
        if declared is None:
            names = [n for n in names if n != "xp" and n not in self.outputs]
        self.inputs: tuple[str, ...] = tuple(names)
        self.shape: Function = declared or self._broadcast
        backward = body.get("backward")
        gradients = set(_parameters(backward)[0]) if backward else set()
        self.differentiable: tuple[bool, ...] = tuple("g" + n in gradients for n in self.inputs)

    def _broadcast(self, *inputs: Spec | None, **attrs: Any) -> Spec:
        given = [s for s in inputs if s is not None]
        return Spec(broadcast(*(s.shape for s in given)), promote(*given))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


ops: dict[str, Op] = {}


def op(declaration: type) -> Op:
    """Register a class as an operation under its name (a trailing underscore is dropped)."""
    declared = Op(declaration)
    if declared.name in ops:
        raise TypeError(f"op {declared.name!r} is declared twice")
    ops[declared.name] = declared
    return declared


def _parameters(function: Function) -> tuple[list[str], bool, dict[str, Any]]:
    names, variadic, attrs = [], False, {}
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            attrs[p.name] = p.default
        elif p.kind is not p.VAR_KEYWORD:
            variadic |= p.kind is p.VAR_POSITIONAL
            names.append(p.name)
    return names, variadic, attrs


class Call:
    """One direction of a planned call: where each argument comes from, and the attributes it takes."""

    __slots__ = ("attrs", "function", "sources", "with_xp")

    def __init__(self, function: Function, index: Mapping[str, int], attrs: Mapping[str, Any]) -> None:
        names, _, takes = _parameters(function)
        self.function = function
        self.with_xp = bool(names) and names[0] == "xp"
        self.sources = tuple(index[n] for n in names[self.with_xp :])
        self.attrs = {k: attrs[k] for k in takes}


class Plan:
    """Everything about a call that follows from specs, attributes and device: made once, used by every such call.

    Arrays of a call are numbered: inputs, outputs, residuals, scratch, then `g<output>` and `g<input>`. A variadic op has
    one slot that holds the tuple of its inputs.
    """

    def __init__(
        self, op: Op, specs: tuple[Spec | None, ...], attrs: Mapping[str, Any], implementation: Implementation
    ) -> None:
        self.op = op
        result = op.shape(*specs, **attrs)
        self.outputs: tuple[Spec, ...] = (result,) if isinstance(result, Spec) else tuple(result)
        chosen = self.implementation = implementation
        residuals = chosen.residuals(*specs, **attrs) if chosen.residuals else {}
        scratch = chosen.scratch(*specs, **attrs) if chosen.scratch else {}
        self.residuals: tuple[Spec, ...] = tuple(residuals.values())
        self.scratch: tuple[Spec, ...] = tuple(scratch.values())

        names = [*op.inputs, *op.outputs, *residuals, *scratch]
        self.first_output = len(op.inputs)
        self.first_residual = self.first_output + len(op.outputs)
        self.first_scratch = self.first_residual + len(residuals)
        self.first_gradient = len(names)  # of an output; those of inputs follow
        names += ["g" + n for n in op.outputs] + ["g" + n for n in op.inputs]
        index = {n: i for i, n in enumerate(names)}
        self.size = len(names)
        self.forward = Call(chosen.forward, index, attrs)
        self.backward = Call(chosen.backward, index, attrs) if chosen.backward else None
        kept = set(self.backward.sources) if self.backward else set()
        self.saved: tuple[int, ...] = tuple(sorted(i for i in kept if i < self.first_scratch))
        self.backward_scratch = tuple(i for i in sorted(kept) if self.first_scratch <= i < self.first_gradient)
        self.full_gradients = op.elementwise


def implementations(
    op: Op, specs: tuple[Spec | None, ...], attrs: Mapping[str, Any], kind: str
) -> list[Implementation]:
    """Every implementation that can compute this call, the most specialised first, the reference last."""
    faster = [Implementation(declaration, op) for declaration in devices.overrides(op.name, kind)]
    return [i for i in faster if i.accepts(specs, attrs)] + [op.reference]


@lru_cache(maxsize=16384)
def _plan(op: Op, specs: tuple[Spec | None, ...], attrs: tuple[tuple[str, Any], ...], kind: str) -> Plan:
    complete = dict(attrs)
    able = implementations(op, specs, complete, kind)
    return Plan(op, specs, complete, next(i for i in able if i.pays(specs, complete)))


def plan(op: Op, specs: tuple[Spec | None, ...], attrs: Mapping[str, Any], kind: str) -> Plan:
    """The plan of a call. Raises ValueError where the shape rule refuses the specs, TypeError for a wrong attribute."""
    return _plan(op, specs, tuple(complete_attrs(op, attrs).items()), kind)


def complete_attrs(op: Op, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a call with defaults filled in. TypeError for an unknown or a missing one."""
    unknown = attrs.keys() - op.attrs.keys()
    if unknown:
        raise TypeError(f"{op.name} has no attribute {', '.join(sorted(unknown))}")
    complete = {k: attrs.get(k, default) for k, default in op.attrs.items()}
    for key, value in complete.items():
        if value is inspect.Parameter.empty:
            raise TypeError(f"{op.name} needs the attribute {key}")
    return complete


def forget_plans() -> None:
    """Drop every cached plan: after a change of the override table."""
    _plan.cache_clear()
