"""A network of named layers: what a config's `layers` describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nntrain.backend.random import generator
from nntrain.engine.spec import DType, Spec
from nntrain.engine.tensor import Tensor
from nntrain.nn.context import Context
from nntrain.nn.layer import Layer
from nntrain.nn.module import LayerModule, Module


@dataclass(frozen=True)
class Node:
    """One layer of a network: its name, its spec, and the names of the layers or inputs it reads."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]


class ShapeError(ValueError):
    """A layer does not accept what reaches it; `index` is its position in the list of layers."""

    def __init__(self, index: int, node: Node, inputs: Sequence[Spec], reason: str) -> None:
        self.index = index
        self.node = node
        self.inputs = tuple(inputs)
        self.reason = reason
        super().__init__(f"layer {node.name!r}: {reason}")


def shape_pass(nodes: Sequence[Node], inputs: Mapping[str, Spec], dtype: DType | None = None) -> dict[str, Spec]:
    """The spec of every input and of every layer's output, without allocating anything. Raises ShapeError."""
    specs = dict(inputs)
    for index, node in enumerate(nodes):
        given = [specs[name] for name in node.inputs]
        try:
            specs[node.name] = node.layer.output(*given, dtype=dtype)
        except (ValueError, IndexError) as error:
            raise ShapeError(index, node, given, str(error)) from None
    return specs


class Network(Module):
    """Layers called in the order of the list, each on the outputs its `inputs` name.

    The initial values of a layer are drawn from a stream of their own, named by seed and layer: adding a layer does not
    change the others. The output is that of the last layer, or of the layers named in `outputs`.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        inputs: Mapping[str, Spec],
        *,
        outputs: Sequence[str] = (),
        seed: int = 0,
        dtype: DType | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs) or (self.nodes[-1].name,)
        self.specs = shape_pass(self.nodes, inputs, dtype)
        self.members = {
            node.name: LayerModule(
                node.layer,
                [self.specs[name] for name in node.inputs],
                rng=generator(seed, "init", node.name),
                dtype=dtype,
                device=device,
            )
            for node in self.nodes
        }

    def named_children(self) -> Iterator[tuple[str, Module]]:
        yield from self.members.items()

    def forward(self, inputs: Mapping[str, Tensor] | Tensor, ctx: Context | None = None) -> Tensor:
        """The output for a batch: tensors by input name, or one tensor for the input `x`."""
        return self.run(inputs, ctx)[self.outputs[0]]

    def run(self, inputs: Mapping[str, Tensor] | Tensor, ctx: Context | None = None) -> dict[str, Tensor]:
        """The outputs by layer name."""
        values: dict[str, Tensor] = {"x": inputs} if isinstance(inputs, Tensor) else dict(inputs)
        ctx = ctx or Context(training=self.training)
        for node in self.nodes:
            xs = [values[name] for name in node.inputs]
            values[node.name] = self.members[node.name].forward(*xs, ctx=ctx.at(node.name))
        return {name: values[name] for name in self.outputs}
