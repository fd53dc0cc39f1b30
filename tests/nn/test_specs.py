"""Every registered layer, loss, optimizer, schedule and initialiser: gradients, documentation, and the Python class of each."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nntrain
from nntrain import checks, nn, optim
from nntrain.component import Component, registry
from nntrain.engine.spec import float32, float64
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer
from nntrain.nn.module import LayerModule

assert optim
SPECS = [
    (kind, name)
    for kind in ("layer", "loss", "optimizer", "schedule", "initializer")
    for name in sorted(registry[kind])
]


def test_gradients_of_layers() -> None:
    found = checks.check_layers()
    assert {c.subject.removeprefix("layer ") for c in found} == set(registry["layer"])
    assert not [c for c in found if not c.ok]


def test_gradients_of_losses() -> None:
    found = checks.check_losses()
    assert {c.subject.removeprefix("loss ") for c in found} == set(registry["loss"])
    assert not [c for c in found if not c.ok]


@pytest.mark.parametrize("name", sorted(registry["layer"]))
def test_layers_in_float32_agree_with_float64(name: str) -> None:
    spec_class: type[Layer] = registry["layer"][name]  # type: ignore[assignment]
    for fields, shapes in spec_class.examples:
        outputs = []
        for dtype in (float32, float64):
            inputs = [checks._example(s) for s in shapes]
            xs = [Tensor(np.asarray(x.detach()), dtype=dtype if x.dtype.kind == "f" else None) for x in inputs]
            module = LayerModule(spec_class(**fields), [x.spec for x in xs], dtype=dtype, rng=np.random.default_rng(0))
            ctx = Context(training=True, counter=Tensor(np.zeros(3, np.uint32)))
            y = module(*xs, ctx=ctx)
            assert y.dtype == dtype
            assert module.spec.output(*(x.spec for x in xs), dtype=dtype) == y.spec
            outputs.append(np.asarray(y.detach(), np.float64))
        np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), SPECS)
def test_is_documented(kind: str, name: str) -> None:
    spec: type[Component] = registry[kind][name]
    doc = inspect.getdoc(spec) or ""
    assert doc
    assert doc != inspect.getdoc(spec.__mro__[1])
    if kind != "initializer":
        missing = [n for n, f in spec.model_fields.items() if n not in ("type", "init") and not f.description]
        assert not missing


@pytest.mark.parametrize("name", sorted(registry["layer"]))
def test_layers_have_a_python_class_with_a_signature(name: str) -> None:
    spec_class: type[Layer] = registry["layer"][name]  # type: ignore[assignment]
    made = getattr(nn, spec_class.module or spec_class.__name__.removesuffix("Spec"))
    parameters = inspect.signature(made).parameters
    assert set(spec_class.fields_in_order()) <= set(parameters)
    assert inspect.getdoc(made)


def test_modules_keep_pytorchs_manners() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.Linear(4, 2))
    assert [n for n, _ in model.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "3.weight",
        "3.bias",
    ]
    assert [n for n, _ in model.named_buffers()] == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    state = model.state_dict()
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Dropout(0.5), nn.Linear(4, 2))
    other.load_state_dict(state)
    x = nntrain.randn(5, 3)
    np.testing.assert_array_equal(np.asarray(model.eval()(x).detach()), np.asarray(other.eval()(x).detach()))
    with pytest.raises(KeyError, match="missing"):
        other.load_state_dict({})
    assert not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())
