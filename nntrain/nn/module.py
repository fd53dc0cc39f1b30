"""Stateful modules with PyTorch's manners, for people who write Python: the modules of layers are made from their specs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nntrain.backend.random import host_generator
from nntrain.engine.settings import default_dtype
from nntrain.engine.spec import DType, Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer, Params, ParamSpec


class Parameter(Tensor):
    """A tensor that a module trains: made with `requires_grad=True`."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: Any = None, device: str | None = None) -> None:
        super().__init__(data, dtype=dtype, device=device, requires_grad=requires_grad)


class Buffer(Tensor):
    """A tensor that a module keeps and saves, but does not train: running statistics."""

    __slots__ = ()


class Module:
    """Base of everything with parameters. Parameters, buffers and modules set as attributes are found by themselves.

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 8)
        def forward(self, x):
            return self.body(x).relu()
    """

    def __init__(self) -> None:
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; written by each subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, with the names of their attributes."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Buffer):
                yield name, value

    def modules(self) -> Iterator[Module]:
        """This module and all inside it."""
        yield self
        for _, child in self.named_children():
            yield from child.modules()

    def named_tensors(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers with dotted names, in the order they were made."""
        for name, tensor in self._tensors():
            yield prefix + name, tensor
        for name, child in self.named_children():
            yield from child.named_tensors(f"{prefix}{name}.")

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters with dotted names; one that is shared comes once."""
        seen: set[int] = set()
        for name, tensor in self.named_tensors():
            if not isinstance(tensor, Buffer) and id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor

    def parameters(self) -> Iterator[Tensor]:
        """What an optimizer is given."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Buffers with dotted names."""
        return ((n, t) for n, t in self.named_tensors() if isinstance(t, Buffer))

    def train(self, mode: bool = True) -> Module:
        """Set training mode (dropout drops, batch norm uses the batch) here and below."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Set evaluation mode here and below."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set every parameter's gradient to None."""
        for p in self.parameters():
            p.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Train, or freeze, every parameter."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """A copy of every parameter and buffer by name, as NumPy arrays."""
        return {n: np.array(t.detach().numpy()) for n, t in self.named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Overwrite every parameter and buffer. KeyError for missing or unknown names, ValueError for other shapes."""
        own = dict(self.named_tensors())
        if own.keys() != state.keys():
            missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
            raise KeyError(f"state does not fit: missing {missing}, unknown {unknown}")
        for name, tensor in own.items():
            if tensor.shape != tuple(np.shape(state[name])):
                raise ValueError(f"{name} has shape {tensor.shape}, the state's has {np.shape(state[name])}")
        for name, tensor in own.items():
            tensor._array[...] = tensor._backend.from_host(np.asarray(state[name]))
            tensor._version[0] += 1

    def to(self, target: Any) -> Module:
        """Move every parameter and buffer to a device or float dtype, in place of the old arrays."""
        for _, tensor in self.named_tensors():
            moved = tensor.detach().to(target)
            tensor._array, tensor._backend = moved._array, moved._backend
            tensor._grad = tensor._grad_buffer = None
        return self

    def __repr__(self) -> str:
        children = [f"  ({n}): " + repr(c).replace("\n", "\n  ") for n, c in self.named_children()]
        return "\n".join([f"{type(self).__name__}(", *children, ")"]) if children else f"{type(self).__name__}()"


def make_tensor(spec: ParamSpec, rng: np.random.Generator, dtype: DType, device: str | None = None) -> Tensor:
    """Draw a parameter or buffer on the host and bring it to the device."""
    values = spec.init.draw(rng, spec.shape, spec.fan_in, spec.fan_out).astype(spec.dtype or dtype)
    return Parameter(values, device=device) if spec.trainable else Buffer(values, device=device)


class LayerModule(Module):
    """The module of one layer spec, for inputs of given specs."""

    spec_class: type[Layer] = Layer

    def __init__(
        self,
        spec: Layer,
        inputs: Iterable[Spec],
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        chosen = np.dtype(dtype) if dtype is not None else default_dtype()
        self.params: dict[str, Tensor] = {
            name: make_tensor(p, rng or host_generator(), chosen, device) for name, p in spec.params(*inputs).items()
        }

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.params.items()

    def __getattr__(self, name: str) -> Tensor:
        try:
            return vars(self)["params"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}") from None

    def forward(self, *xs: Tensor, ctx: Context | None = None) -> Tensor:
        return self.spec.forward(Params(self.params), *xs, ctx=ctx or Context(training=self.training))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.spec if k != 'type')})"


def module_class(spec_class: type[Layer]) -> type[LayerModule]:
    """The Python module of a layer spec: `nn.Linear(in_features, out_features, bias=True)` from `LinearSpec`."""
    name = spec_class.module or spec_class.__name__.removesuffix("Spec")
    signature = spec_class.module_signature()
    fields = set(spec_class.model_fields)
    sizes = [p for p in inspect.signature(spec_class.given).parameters if p in signature.parameters]

    def __init__(self: LayerModule, *args: Any, dtype: Any = None, device: str | None = None, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs).arguments
        bound = {k: tuple(v) if isinstance(v, list) else v for k, v in bound.items()}
        given = spec_class.given(**{k: bound[k] for k in sizes if k in bound})
        inputs = (given,) if isinstance(given, Spec) else given
        spec = spec_class(**{k: v for k, v in bound.items() if k in fields})
        LayerModule.__init__(self, spec, inputs, dtype=dtype, device=device)

    doc = f"{spec_class.__doc__}\n\nMade from the spec `{spec_class.model_fields['type'].default}` of configs."
    made = type(name, (LayerModule,), {"__init__": __init__, "__doc__": doc, "spec_class": spec_class})
    made.__signature__ = signature  # type: ignore[attr-defined]
    made.__module__ = "nntrain.nn"
    return made


class Sequential(Module):
    """Modules called one after the other."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        self.layers = modules

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return ((str(i), m) for i, m in enumerate(self.layers))

    def forward(self, x: Any) -> Any:
        for module in self.layers:
            x = module(x)
        return x

    def __getitem__(self, i: int) -> Module:
        return self.layers[i]

    def __len__(self) -> int:
        return len(self.layers)
