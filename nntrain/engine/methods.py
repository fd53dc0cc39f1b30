"""The methods of tensors that are one op, or a few: elementwise functions, reductions, shapes, picking and placing."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.engine.graph import apply
from nntrain.engine.settings import default_dtype
from nntrain.engine.spec import bool_, is_float, normalize_axes

if TYPE_CHECKING:
    from nntrain.engine.tensor import Tensor

Axis = int | tuple[int, ...] | None


class Methods:
    """Mixed into `Tensor`. Axes count from 0, negative ones from the end; `None` means all."""

    __slots__ = ()

    # elementwise

    def exp(self: Any) -> Tensor:
        """e ** x."""
        return unary("exp", self)

    def log(self: Any) -> Tensor:
        """The natural logarithm."""
        return unary("log", self)

    def log1p(self: Any) -> Tensor:
        """log(1 + x), exact near 0."""
        return unary("log1p", self)

    def expm1(self: Any) -> Tensor:
        """exp(x) - 1, exact near 0."""
        return unary("expm1", self)

    def sqrt(self: Any) -> Tensor:
        """The square root."""
        return unary("sqrt", self)

    def sin(self: Any) -> Tensor:
        """The sine."""
        return unary("sin", self)

    def cos(self: Any) -> Tensor:
        """The cosine."""
        return unary("cos", self)

    def tan(self: Any) -> Tensor:
        """The tangent."""
        return unary("tan", self)

    def asin(self: Any) -> Tensor:
        """The inverse of the sine."""
        return unary("asin", self)

    def acos(self: Any) -> Tensor:
        """The inverse of the cosine."""
        return unary("acos", self)

    def atan(self: Any) -> Tensor:
        """The inverse of the tangent."""
        return unary("atan", self)

    def sinh(self: Any) -> Tensor:
        """The hyperbolic sine."""
        return unary("sinh", self)

    def cosh(self: Any) -> Tensor:
        """The hyperbolic cosine."""
        return unary("cosh", self)

    def tanh(self: Any) -> Tensor:
        """The hyperbolic tangent."""
        return unary("tanh", self)

    def erf(self: Any) -> Tensor:
        """The error function."""
        return unary("erf", self)

    def sigmoid(self: Any) -> Tensor:
        """1 / (1 + exp(-x))."""
        return unary("sigmoid", self)

    def relu(self: Any) -> Tensor:
        """max(x, 0)."""
        return unary("relu", self)

    def silu(self: Any) -> Tensor:
        """x sigmoid(x)."""
        return unary("silu", self)

    def floor(self: Any) -> Tensor:
        """The largest whole number not above x."""
        return unary("floor", self)

    def isnan(self: Any) -> Tensor:
        """Where x is not a number."""
        return unary("isnan", self)

    def isfinite(self: Any) -> Tensor:
        """Where x is neither infinite nor NaN."""
        return unary("isfinite", self)

    def abs(self: Any) -> Tensor:
        """|x|; the slope at 0 is 0."""
        return apply("abs", self)

    def sign(self: Any) -> Tensor:
        """-1, 0 or 1."""
        return apply("sign", self)

    def round(self: Any) -> Tensor:
        """The nearest whole number, the even one of two."""
        return unary("round", self)

    def square(self: Any) -> Tensor:
        """x * x."""
        return self * self

    def reciprocal(self: Any) -> Tensor:
        """1 / x."""
        return 1 / self

    def pow(self: Any, exponent: Any) -> Tensor:
        """x ** exponent."""
        return self**exponent

    def gelu(self: Any, approximate: str = "none") -> Tensor:
        """x times the normal distribution function of x; `approximate="tanh"` for the faster formula."""
        return unary("gelu", self, tanh=approximate == "tanh")

    def clamp(self: Any, low: float | None = None, high: float | None = None) -> Tensor:
        """At least `low` and at most `high`."""
        return apply("clamp", self, low=low, high=high)

    def masked_fill(self: Any, mask: Any, value: float) -> Tensor:
        """`value` where the mask is true."""
        from nntrain.engine.tensor import as_tensor

        return apply("where", as_tensor(mask, self).astype(bool_), as_tensor(value, self).astype(self.dtype), self)

    def logical_not(self: Any) -> Tensor:
        """Where the value is false."""
        return apply("logical_not", self)

    # reductions

    def sum(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The sum; integers and booleans are summed in int64."""
        return reduce("sum", self, axis, keepdims)

    def mean(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The mean; integers give floats."""
        return reduce("mean", floating(self), axis, keepdims)

    def prod(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The product."""
        return reduce("prod", self, axis, keepdims)

    def max(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The largest element; equal ones share the gradient evenly."""
        return reduce("max", self, axis, keepdims)

    def min(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The smallest element; equal ones share the gradient evenly."""
        return reduce("min", self, axis, keepdims)

    def var(self: Any, axis: Axis = None, correction: int = 1, keepdims: bool = False) -> Tensor:
        """The variance: squared deviations from the mean by count - correction (PyTorch's default, 1)."""
        return apply(
            "var", floating(self), axis=normalize_axes(axis, self.ndim), keepdims=keepdims, correction=correction
        )

    def std(self: Any, axis: Axis = None, correction: int = 1, keepdims: bool = False) -> Tensor:
        """The root of the variance."""
        return self.var(axis, correction, keepdims).sqrt()

    def norm(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """The Euclidean norm; its slope at the origin is 0."""
        return reduce("norm", floating(self), axis, keepdims)

    def logsumexp(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """log(sum(exp(x))), without overflow."""
        return reduce("logsumexp", floating(self), axis, keepdims)

    def any(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Where any element is true."""
        return reduce("any", self, axis, keepdims)

    def all(self: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Where all elements are true."""
        return reduce("all", self, axis, keepdims)

    def argmax(self: Any, axis: int | None = None) -> Tensor:
        """Where the first largest element is, as int64: along `axis`, or in the flattened tensor."""
        x = self if axis is not None else self.reshape(-1)
        return apply("argmax", x, axis=one_axis(-1 if axis is None else axis, x.ndim))

    def argmin(self: Any, axis: int | None = None) -> Tensor:
        """Where the first smallest element is, as int64: along `axis`, or in the flattened tensor."""
        x = self if axis is not None else self.reshape(-1)
        return apply("argmin", x, axis=one_axis(-1 if axis is None else axis, x.ndim))

    # along one axis

    def softmax(self: Any, axis: int = -1) -> Tensor:
        """exp(x) over its sum."""
        return unary("softmax", self, axis=one_axis(axis, self.ndim))

    def log_softmax(self: Any, axis: int = -1) -> Tensor:
        """x - logsumexp(x)."""
        return unary("log_softmax", self, axis=one_axis(axis, self.ndim))

    def cumsum(self: Any, axis: int) -> Tensor:
        """Running sums."""
        return apply("cumsum", self, axis=one_axis(axis, self.ndim))

    def argsort(self: Any, axis: int = -1, descending: bool = False) -> Tensor:
        """Positions that would sort, as int64; equal elements stay in their order."""
        return apply("argsort", self, axis=one_axis(axis, self.ndim), descending=descending)

    def sort(self: Any, axis: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
        """Sorted values, and where they were."""
        index = self.argsort(axis, descending)
        return self.gather(axis, index), index

    def topk(self: Any, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
        """The k largest values in falling order, and where they were."""
        at = one_axis(axis, self.ndim)
        if not 0 <= k <= self.shape[at]:
            raise ValueError(f"topk: {k} of {self.shape[at]}")
        index = self.argsort(at, descending=True)[(slice(None),) * at + (slice(0, k),)]
        return self.gather(at, index), index

    def gather(self: Any, axis: int, index: Tensor) -> Tensor:
        """y[.., j, ..] = x[.., index[.., j, ..], ..] along `axis`; a repeated index adds up in the gradient."""
        return apply("gather", self, index, axis=one_axis(axis, self.ndim))

    def take(self: Any, index: Any, axis: int = 0) -> Tensor:
        """Whole slices picked along `axis`."""
        at = one_axis(axis, self.ndim)
        return self[(slice(None),) * at + (index,)]

    def scatter_add(self: Any, axis: int, index: Tensor, source: Tensor) -> Tensor:
        """A copy with `source` added at `index` along `axis`."""
        return apply("scatter_add", self, index, source, axis=one_axis(axis, self.ndim))

    def scatter(self: Any, axis: int, index: Tensor, source: Tensor) -> Tensor:
        """A copy with `source` written at `index` along `axis`; no index may stand twice."""
        return apply("scatter", self, index, source, axis=one_axis(axis, self.ndim))

    def split(self: Any, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
        """Pieces along `axis`: of one size (the last may be smaller), or of the sizes given."""
        at = one_axis(axis, self.ndim)
        n = self.shape[at]
        each = [min(sizes, n - i) for i in range(0, n, sizes)] if isinstance(sizes, int) else list(sizes)
        if sum(each) != n:
            raise ValueError(f"split into {each}: the axis has {n}")
        starts = [sum(each[:i]) for i in range(len(each))]
        return tuple(self[(slice(None),) * at + (slice(s, s + k),)] for s, k in zip(starts, each, strict=True))

    def flip(self: Any, axis: int | tuple[int, ...]) -> Tensor:
        """Elements in reverse order along axes."""
        return apply("flip", self, axis=normalize_axes(axis, self.ndim))

    def roll(self: Any, shift: int, axis: int) -> Tensor:
        """Elements moved along an axis, those that leave at one end coming in at the other."""
        return apply("roll", self, shift=shift, axis=one_axis(axis, self.ndim))

    def unfold(self: Any, axis: int, size: int, step: int) -> Tensor:
        """Windows along `axis` as a new last axis."""
        return apply("unfold", self, axis=one_axis(axis, self.ndim), size=size, step=step)

    def tril(self: Any, k: int = 0) -> Tensor:
        """The last two axes with 0 above diagonal number k."""
        return apply("tril", self, k=k)

    def triu(self: Any, k: int = 0) -> Tensor:
        """The last two axes with 0 below diagonal number k."""
        return apply("triu", self, k=k)

    # shape

    def reshape(self: Any, *shape: int | Sequence[int]) -> Tensor:
        """The same elements in another shape; one size may be -1. ValueError where the number of elements differs."""
        wanted = sizes_of(shape)
        if -1 in wanted:
            rest = int(np.prod([n for n in wanted if n != -1], dtype=np.int64))
            if rest == 0 or self.size % rest or wanted.count(-1) > 1:
                raise ValueError(f"shape {self.shape} cannot be reshaped to {wanted}")
            wanted = tuple(self.size // rest if n == -1 else n for n in wanted)
        return apply("reshape", self, to=wanted)

    def view(self: Any, *shape: int | Sequence[int]) -> Tensor:
        """As `reshape`."""
        return self.reshape(*shape)

    def flatten(self: Any, start: int = 0) -> Tensor:
        """Axes from `start` on become one."""
        return self.reshape(*self.shape[:start], int(np.prod(self.shape[start:], dtype=np.int64)))

    def transpose(self: Any, *axes: int | Sequence[int]) -> Tensor:
        """Axes in another order; all reversed where none are given. NumPy's meaning, not PyTorch's swap of two."""
        order = sizes_of(axes) if axes else tuple(reversed(range(self.ndim)))
        if len(order) == 2 and self.ndim > 2:
            raise ValueError(
                f"transpose needs all {self.ndim} axes in their new order: to swap two use swapaxes{order}"
            )
        return apply("transpose", self, axes=tuple(a % max(self.ndim, 1) for a in order))

    def permute(self: Any, *axes: int | Sequence[int]) -> Tensor:
        """Axes in another order."""
        return self.transpose(*axes)

    def swapaxes(self: Any, a: int, b: int) -> Tensor:
        """Two axes swapped."""
        order = list(range(self.ndim))
        a, b = one_axis(a, self.ndim), one_axis(b, self.ndim)
        order[a], order[b] = b, a
        return apply("transpose", self, axes=tuple(order))

    def squeeze(self: Any, axis: Axis = None) -> Tensor:
        """Without axes of size 1: all of them, or the ones given."""
        drop = normalize_axes(axis, self.ndim) if axis is not None else tuple(range(self.ndim))
        return self.reshape(tuple(n for i, n in enumerate(self.shape) if not (i in drop and n == 1)))

    def unsqueeze(self: Any, axis: int) -> Tensor:
        """With a new axis of size 1 at `axis`."""
        at = axis % (self.ndim + 1)
        return self.reshape((*self.shape[:at], 1, *self.shape[at:]))

    def expand(self: Any, *shape: int | Sequence[int]) -> Tensor:
        """Axes of size 1 repeated to `shape` without copying; -1 keeps an axis."""
        wanted = sizes_of(shape)
        lead = len(wanted) - self.ndim
        return broadcast_to(self, tuple(self.shape[i - lead] if n == -1 else n for i, n in enumerate(wanted)))

    def repeat(self: Any, *times: int | Sequence[int]) -> Tensor:
        """Laid out `times` times along each axis; new axes come first."""
        counts = sizes_of(times)
        x = self.reshape((1,) * (len(counts) - self.ndim) + self.shape)
        return apply("repeat", x, times=counts)


def _numpy_names(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, with an error that says what to write where PyTorch's names of arguments are given."""

    @functools.wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() & _PYTORCH.keys():
            told = ", ".join(f"{_PYTORCH[k]}= instead of {k}=" for k in kwargs if k in _PYTORCH)
            raise TypeError(f"{method.__name__}: write {told}; images and sequences have their channels last")
        return method(*args, **kwargs)

    return checked


_PYTORCH = {"dim": "axis", "keepdim": "keepdims", "unbiased": "correction"}
for _name, _method in list(vars(Methods).items()):
    if callable(_method) and "axis" in inspect.signature(_method).parameters:
        setattr(Methods, _name, _numpy_names(_method))


def one_axis(axis: int, ndim: int) -> int:
    """An axis as a non-negative number. ValueError where there is none of that number."""
    return normalize_axes(int(axis), ndim)[0]


def sizes_of(given: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` alike."""
    flat = given[0] if len(given) == 1 and isinstance(given[0], Sequence) else given
    return tuple(int(n) for n in flat)


def floating(x: Tensor) -> Tensor:
    """x, in the default float dtype where it is of integers."""
    return x if is_float(x.dtype) else x.astype(default_dtype())


def unary(name: str, x: Any, **attrs: Any) -> Tensor:
    """Apply an op that is defined on floats."""
    from nntrain.engine.tensor import as_tensor

    return apply(name, floating(as_tensor(x)), **attrs)


def reduce(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    """Apply a reduction over `axis`."""
    return apply(name, x, axis=normalize_axes(axis, x.ndim), keepdims=keepdims)


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated to `shape` without copying."""
    return x if x.shape == shape else apply("broadcast", x, to=shape)
