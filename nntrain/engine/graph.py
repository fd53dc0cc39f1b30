"""The graph of a computation: `apply` runs an op and remembers it, `backward` walks back through what was remembered.

A node holds strong references to its parents and to the arrays its backward reads, and nothing holds the node but the
tensors it produced and its children: a graph dies with its last tensor, without the garbage collector.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nntrain import backend as devices
from nntrain.backend import Array, Backend
from nntrain.engine.op import Call, Op, Plan, ops, plan
from nntrain.engine.spec import Spec, is_float

if TYPE_CHECKING:
    from nntrain.engine.tensor import Tensor

_numbers = itertools.count()


class _Mode(threading.local):
    grad = True


_mode = _Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Operations inside are not remembered, and tensors that require gradients may be changed in place."""
    before, _mode.grad = _mode.grad, False
    try:
        yield
    finally:
        _mode.grad = before


@contextmanager
def enable_grad() -> Iterator[None]:
    """Operations inside are remembered, also inside a `no_grad`."""
    before, _mode.grad = _mode.grad, True
    try:
        yield
    finally:
        _mode.grad = before


def is_grad_enabled() -> bool:
    """True where operations are remembered for `backward`."""
    return _mode.grad


class Node:
    """One call of an op that `backward` can pass through."""

    __slots__ = ("__weakref__", "backend", "number", "parents", "plan", "retained", "saved", "specs", "versions")

    def __init__(
        self, plan: Plan, backend: Backend, inputs: tuple[Tensor | None, ...], arrays: list[Any], outputs: list[Tensor]
    ) -> None:
        self.number = next(_numbers)
        self.plan = plan
        self.backend = backend
        self.specs = [None if t is None else t.spec for t in inputs]
        wanted = itertools.cycle(plan.op.differentiable) if plan.op.variadic else plan.op.differentiable
        # the parent of input i: (node, output number), (leaf tensor, 0), or None where no gradient is needed
        self.parents: list[tuple[Node | Tensor, int] | None] = [
            None if t is None or not (t.requires_grad and want) else ((t._node, t._index) if t._node else (t, 0))
            for t, want in zip(inputs, wanted, strict=False)
        ]
        self.saved: list[Any] | None = [arrays[i] for i in plan.saved]
        self.versions = []
        for i in plan.saved:
            if i < plan.first_output:
                tensors = inputs if plan.op.variadic else inputs[i : i + 1]
            elif i < plan.first_residual:
                tensors = (outputs[i - plan.first_output],)
            else:
                continue
            self.versions += [(t._version, t._version[0]) for t in tensors if t is not None]
        self.retained: dict[int, weakref.ref[Tensor]] | None = None

    def release(self) -> None:
        """Let go of the arrays that backward needed."""
        self.saved = None
        self.versions = []


def run(call: Call, backend: Backend, arrays: list[Any]) -> None:
    """Run one direction of a planned call on its numbered arrays."""
    arguments = [arrays[i] for i in call.sources]
    if call.with_xp:
        call.function(backend.xp, *arguments, **call.attrs)
    else:
        call.function(*arguments, **call.attrs)


def apply(name: str, *inputs: Tensor | None, **attrs: Any) -> Any:
    """Run the op `name` and return its output (a tuple of them where it has several), remembered where gradients flow.

    Inputs are tensors on one device. Abstract tensors (a spec without an array) give abstract outputs: the shape pass.
    Raises ValueError where shapes do not fit, and for tensors on different devices.
    """
    from nntrain.engine.tensor import Tensor

    op = ops[name]
    if len(inputs) < len(op.inputs) and not op.variadic:
        inputs += (None,) * (len(op.inputs) - len(inputs))
    specs = tuple(None if t is None else t.spec for t in inputs)
    if any(t is not None and t._array is None for t in inputs):
        outputs = [Tensor._abstract(s) for s in plan(op, specs, attrs, "cpu").outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    backend = _common_backend(op, inputs)
    planned = plan(op, specs, attrs, backend.kind)
    given: list[Any] = [None if t is None else t._array for t in inputs]
    if not planned.implementation.any_strides:
        given = [a if a is None or a.flags.c_contiguous else backend.xp.ascontiguousarray(a) for a in given]
    arrays: list[Any] = [tuple(given)] if op.variadic else given
    empty = backend.xp.empty
    if op.view:
        made = [planned.forward.function(*given, **planned.forward.attrs)]
        arrays = [*arrays, *made]
    else:
        made = [empty(s.shape, s.dtype) for s in planned.outputs]
        arrays = [*arrays, *made]
        arrays += [empty(s.shape, s.dtype) for s in planned.residuals]
        arrays += [empty(s.shape, s.dtype) for s in planned.scratch]
        run(planned.forward, backend, arrays)

    tracked = (
        _mode.grad
        and planned.backward is not None
        and any(t is not None and t.requires_grad for t in inputs)
        and any(
            t is not None and t.requires_grad and want
            for t, want in zip(
                inputs, itertools.cycle(op.differentiable) if op.variadic else op.differentiable, strict=False
            )
        )
    )
    outputs = [Tensor._wrap(a, backend, tracked and is_float(a.dtype)) for a in made]
    if op.view and inputs[0] is not None:
        outputs[0]._version = inputs[0]._version
    if op.state:
        for t, n in zip(inputs, op.inputs, strict=True):
            if n in op.state and t is not None:
                t._version[0] += 1
    if tracked:
        node = Node(planned, backend, inputs, arrays, outputs)
        for i, out in enumerate(outputs):
            if out.requires_grad:
                out._node, out._index = node, i
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _common_backend(op: Op, inputs: tuple[Tensor | None, ...]) -> Backend:
    found: Backend | None = None
    for t in inputs:
        if t is None or t._backend is found:
            continue
        if found is not None:
            raise ValueError(f"{op.name}: tensors on {found.name} and {t._backend.name}: move one with .to(...)")
        found = t._backend
    return found if found is not None else devices.cpu


def backward(root: Tensor, gradient: Array, retain_graph: bool) -> None:
    """Add d root / d leaf, weighted by `gradient`, to the `.grad` of every leaf that `root` depends on.

    Nodes are visited by descending creation number, so each is visited once, after all its children; no recursion.
    """
    if root._node is None:
        accumulate_into_leaf(root, gradient.copy())
        return
    pending: dict[Node, list[Array | None]] = {root._node: [None] * len(root._node.plan.outputs)}
    pending[root._node][root._index] = gradient.copy()
    queue = [(-root._node.number, root._node)]
    while queue:
        _, node = heapq.heappop(queue)
        incoming = pending.pop(node)
        if node.retained:
            for i, ref in node.retained.items():
                kept = ref()
                if kept is not None and incoming[i] is not None:
                    accumulate_into_leaf(kept, incoming[i].copy())  # type: ignore[union-attr]
        for parent in {p[0] for p in node.parents if p is not None and isinstance(p[0], Node)}:
            if parent not in pending:
                pending[parent] = [None] * len(parent.plan.outputs)
                heapq.heappush(queue, (-parent.number, parent))
        _step(node, incoming, pending)
        if not retain_graph:
            node.release()


def _step(node: Node, incoming: list[Array | None], pending: dict[Node, list[Array | None]]) -> None:
    """Run one node's backward and hand its gradients to its parents."""
    planned, backend = node.plan, node.backend
    if node.saved is None:
        raise RuntimeError(
            f"the graph behind this {planned.op.name} was already used by a backward() and freed: "
            "compute the loss again, or call backward(retain_graph=True) the first time"
        )
    for version, at in node.versions:
        if version[0] != at:
            raise RuntimeError(
                f"a tensor that {planned.op.name} needs for its gradient was changed in place after it was used: "
                "use a new tensor (x = x + 1 instead of x += 1), or change it after backward()"
            )
    if planned.op.reshapes:
        _hand_on(node, 0, incoming[0].reshape(node.specs[0].shape), True, pending)  # type: ignore[union-attr]
        return
    xp = backend.xp
    arrays: list[Any] = [None] * planned.size
    for i, saved in zip(planned.saved, node.saved, strict=True):
        arrays[i] = saved
    for i in planned.backward_scratch:
        needed = planned.scratch[i - planned.first_scratch]
        arrays[i] = xp.empty(needed.shape, needed.dtype)
    for i, made in enumerate(planned.outputs):
        g = incoming[i]
        if g is None:
            g = xp.zeros(made.shape, made.dtype)
        elif not planned.implementation.any_strides and not g.flags.c_contiguous:
            g = xp.ascontiguousarray(g)
        arrays[planned.first_gradient + i] = g

    wide = planned.outputs[0] if planned.full_gradients else None
    written: list[Array | None] = []
    fresh: list[bool] = []  # the array was made for this gradient alone and may be given away
    claimed: set[int] = set()
    for parent, spec in zip(node.parents, node.specs, strict=True):
        if parent is None or spec is None:
            written.append(None)
            fresh.append(False)
            continue
        shape = spec.shape if wide is None else wide.shape
        slot = _empty_slot(parent, spec, claimed) if shape == spec.shape else None
        written.append(xp.empty(shape, spec.dtype) if slot is None else slot)
        fresh.append(slot is None)
    first = planned.first_gradient + len(planned.outputs)
    if planned.op.variadic:
        arrays[first] = tuple(written)
    else:
        arrays[first:] = written
    assert planned.backward is not None
    run(planned.backward, backend, arrays)
    for i, (g, is_fresh) in enumerate(zip(written, fresh, strict=True)):
        if g is None:
            continue
        own = node.specs[i]
        if own is not None and g.shape != own.shape:
            g = sum_to(xp, g, own)
        _hand_on(node, i, g, is_fresh, pending)


def _empty_slot(parent: tuple[Node | Tensor, int], spec: Spec, claimed: set[int]) -> Array | None:
    """The array a leaf's gradient lives in, when nothing was written there yet and no other input claimed it."""
    leaf = parent[0]
    if isinstance(leaf, Node) or leaf._grad is not None or leaf._grad_buffer is None or id(leaf) in claimed:
        return None
    claimed.add(id(leaf))
    return leaf._grad_buffer


def _hand_on(node: Node, i: int, g: Array, fresh: bool, pending: dict[Node, list[Array | None]]) -> None:
    """Store the first contribution to a gradient, add every later one."""
    parent = node.parents[i]
    if parent is None:
        return
    owner, slot = parent
    if not isinstance(owner, Node):
        accumulate_into_leaf(owner, g, stored=not fresh)
        return
    held = pending[owner]
    current = held[slot]
    if current is None:
        held[slot] = g
    else:
        node.backend.xp.add(current, g, out=current)


def accumulate_into_leaf(leaf: Tensor, g: Array, stored: bool = False) -> None:
    """Add an array that nobody else holds to `leaf.grad`; `stored` says it already is the leaf's gradient buffer."""
    from nntrain.engine.tensor import Tensor

    if stored:
        leaf._grad = Tensor._wrap(g, leaf._backend, False)
    elif leaf._grad is not None:
        leaf._backend.xp.add(leaf._grad._array, g, out=leaf._grad._array)
    elif leaf._grad_buffer is not None:
        leaf._grad_buffer[...] = g
        leaf._grad = Tensor._wrap(leaf._grad_buffer, leaf._backend, False)
    else:
        leaf._grad = Tensor._wrap(g, leaf._backend, False)


def sum_to(xp: Any, g: Array, spec: Spec) -> Array:
    """Undo broadcasting: the sum of `g` over the axes along which `spec` was repeated."""
    lead = g.ndim - len(spec.shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(spec.shape) if n == 1 and g.shape[i + lead] != 1)
    # a sum over all axes is a NumPy scalar, which is no array
    return xp.asarray(g.sum(axis=axes, dtype=spec.dtype)).reshape(spec.shape)
