"""`blocks:`, sub-lists of layers with parameters, become layers before a config is validated.

    blocks:
      residual:
        params: {channels: required, stride: 1}
        layers:
          - {type: conv2d, out_channels: $params.channels, kernel_size: 3, padding: 1, stride: $params.stride}
          - relu
          - {type: add, inputs: [relu_1, input]}
    layers:
      - {type: residual, channels: 16, repeat: 3, name: stage}

A block is used like a type. Inside it, names are its own and `input` is what reaches it; outside, the name of a use is its
last layer. What comes out is flat: layers named `stage.1.conv2d_1`, with every input written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nntrain.config.nodes import Node
from nntrain.config.problems import Fix, Problem
from nntrain.config.suggest import certain, closest
from nntrain.config.variables import Substitution

MAX_LAYERS = 5_000
REQUIRED = "required"
_USE = ("type", "name", "inputs", "repeat")
_INPUT = "input"

Path = tuple[str | int, ...]


@dataclass
class Block:
    """A block as it is written."""

    params: Mapping[str, Node]
    layers: list[Node]


@dataclass
class Scope:
    """Where names are looked up while a list of layers is expanded: the network, or one use of a block."""

    prefix: str = ""
    label: str = ""
    names: dict[str, list[str]] = field(default_factory=dict)  # as written -> full names
    counts: dict[str, int] = field(default_factory=dict)  # of types and blocks, which unnamed items are called by


def expand(root: Node, types: Mapping[str, object], problems: list[Problem]) -> tuple[Node, list[str]]:
    """The tree with `layers` flat and without `blocks`, and the names of the blocks. `types`: the types of layers."""
    written = root.value.get("blocks")
    if written is None:
        return root, []
    blocks = _blocks(written, types, problems)
    broken = (
        {n for n in written.value if n not in blocks and n not in types} if isinstance(written.value, dict) else set()
    )
    value = {k: v for k, v in root.value.items() if k != "blocks"}
    layers = value.get("layers")
    if layers is not None and isinstance(layers.value, list):
        expansion = Expansion({**blocks, **dict.fromkeys(broken, Block({}, []))}, problems)
        expansion.run(layers.value, Scope(), ("layers",), [])
        value["layers"] = Node(expansion.layers, layers.mark)
    keys = {k: v for k, v in root.keys.items() if k != "blocks"}
    return Node(value, root.mark, keys), list(blocks)


def _blocks(written: Node, types: Mapping[str, object], problems: list[Problem]) -> dict[str, Block]:
    """The blocks that are well formed; the others are problems."""
    if not isinstance(written.value, dict):
        problems.append(Problem("a map of names to blocks is expected", written.mark, ("blocks",)))
        return {}
    found: dict[str, Block] = {}
    for name, node in written.value.items():
        path: Path = ("blocks", name)
        if name in types or not name.isidentifier():
            what = "that is the name of a layer" if name in types else "a name of letters, digits and _ is expected"
            problems.append(Problem(what, written.keys[name], path))
            continue
        body = node if isinstance(node.value, dict) else Node({"layers": node}, node.mark, {"layers": node.mark})
        unknown = [key for key in body.value if key not in ("params", "layers")]
        for key in unknown:
            near = closest(key, ("params", "layers"))
            hint = f"did you mean {near[0]}?" if near else "allowed: params, layers"
            problems.append(Problem(f"unknown key {key!r}", body.keys[key], path, (hint,)))
        if unknown:
            continue
        params, layers = body.value.get("params"), body.value.get("layers")
        if params is not None and not isinstance(params.value, dict):
            hint = f"such as {{channels: {REQUIRED}, stride: 1}}"
            problems.append(Problem("a map of names to defaults is expected", params.mark, (*path, "params"), (hint,)))
            continue
        for taken in params.value if params is not None else ():
            if taken in _USE:
                problems.append(Problem(f"a block cannot have a parameter {taken!r}", params.keys[taken], path))
        if layers is None or not isinstance(layers.value, list) or not layers.value:
            mark = (layers or node).mark
            problems.append(Problem("a list of layers is expected", mark, (*path, "layers") if layers else path))
            continue
        found[name] = Block(params.value if params is not None else {}, layers.value)
    return found


class Expansion:
    """Collects the flat list of layers."""

    def __init__(self, blocks: Mapping[str, Block], problems: list[Problem]) -> None:
        self.blocks = blocks
        self.problems = problems
        self.layers: list[Node] = []
        self.counts: dict[str, int] = {}  # of types in the flat list, as the network counts them
        self.before = ["x"]  # what the next layer reads where it does not say
        self.inside: list[str] = []  # names of the blocks around

    def run(self, items: list[Node], scope: Scope, path: Path, first: list[Node]) -> None:
        """Append the layers of a list. `first`: the inputs that the first layer gets where it names none."""
        for i, item in enumerate(items):
            if len(self.layers) >= MAX_LAYERS:
                self.problems.append(Problem(f"more than {MAX_LAYERS} layers are refused", item.mark, path))
                return
            kind = item.value.get("type") if isinstance(item.value, dict) else item
            name = kind.value if kind is not None else None
            given = first if i == 0 else []
            if isinstance(name, str) and name in self.blocks:
                self._use(name, item, scope, (*path, i), given)
            else:
                self._layer(item, str(name), scope, (*path, i), given)

    def _layer(self, item: Node, kind: str, scope: Scope, path: Path, given: list[Node]) -> None:
        """Append a layer, with its full name where it is inside a block, and with its inputs written out."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        local = self._local_name(item, kind, scope)
        full = scope.prefix + local
        written = item.value.get("inputs") if isinstance(item.value, dict) else None
        value = dict(item.value) if isinstance(item.value, dict) else {"type": item}
        keys = dict(item.keys) if isinstance(item.value, dict) else {"type": item.mark}
        if written is not None:
            value["inputs"] = self._resolve(written, scope)
        elif given:
            value["inputs"], keys["inputs"] = Node(given, given[0].mark), item.mark
        own = value.get("name")
        flat = own.value if own is not None else f"{kind}_{self.counts[kind]}"  # what the network would call it
        if flat != full and isinstance(flat, str):
            mark = own.mark if own is not None else item.mark
            value["name"], keys["name"] = Node(full, mark), keys.get("name", mark)
        label = (
            f"{scope.label}, {local}" if scope.label else f"layers[{path[-1]}]" if path[-1] != len(self.layers) else ""
        )
        if not isinstance(item.value, dict) and len(value) == 1:  # a bare name, or no layer at all
            self.layers.append(Node(item.value, item.mark, item.keys, item.note, label))
        else:
            self.layers.append(Node(value, item.mark, keys, item.note, label))
        scope.names[local] = self.before = [full]

    def _local_name(self, item: Node, kind: str, scope: Scope) -> str:
        scope.counts[kind] = scope.counts.get(kind, 0) + 1
        own = item.value.get("name") if isinstance(item.value, dict) else None
        return own.value if own is not None and isinstance(own.value, str) else f"{kind}_{scope.counts[kind]}"

    def _resolve(self, reads: Node, scope: Scope) -> Node:
        """Inputs with full names; what is not known here stays as it is, and is a problem of the network's."""
        parts = reads.value if isinstance(reads.value, list) else [reads]
        found: list[Node] = []
        for part in parts:
            names = scope.names.get(part.value, [part.value]) if isinstance(part.value, str) else [part.value]
            found += [Node(n, part.mark) for n in names]
        return found[0] if len(found) == 1 and not isinstance(reads.value, list) else Node(found, reads.mark)

    def _use(self, name: str, item: Node, scope: Scope, path: Path, given: list[Node]) -> None:
        """Append the layers of a use of a block, as often as it says."""
        if name in self.inside:
            circle = " in ".join([*self.inside[self.inside.index(name) :], name])
            self.problems.append(Problem(f"the block {name!r} contains itself: {circle}", item.mark, path))
            return
        block = self.blocks[name]
        if not block.layers:  # a problem already
            self.layers.append(Node("identity", item.mark))
            return
        own = item.value if isinstance(item.value, dict) else {}
        params = self._params(name, block, item, path)
        local = self._local_name(item, name, scope)
        repeat = self._repeat(own.get("repeat"), path)
        if params is None or not repeat:
            self.layers.append(Node("identity", item.mark))  # a problem already, of which nothing else should follow
            return
        written = own.get("inputs")
        resolved = self._resolve(written, scope) if written is not None else None
        reads = given if resolved is None else resolved.value if isinstance(resolved.value, list) else [resolved]
        self.inside.append(name)
        for k in range(repeat):
            arriving = [str(n.value) for n in reads] if reads else self.before
            number = f".{k + 1}" if repeat > 1 else ""
            label = f"{scope.label}, {local}{number}" if scope.label else f"layers[{path[-1]}] {local}{number}"
            inner = Scope(f"{scope.prefix}{local}{number}.", label, {_INPUT: arriving})
            replace = Substitution(self.problems, {"params": params})
            layers = [replace.walk(layer, ("blocks", name, "layers", i)) for i, layer in enumerate(block.layers)]
            self.run(layers, inner, ("blocks", name, "layers"), reads)
            reads = []
        self.inside.pop()
        scope.names[local] = self.before

    def _params(self, name: str, block: Block, item: Node, path: Path) -> dict[str, Node] | None:
        """The values of a block's parameters for one use; None where one is missing or unknown."""
        own = item.value if isinstance(item.value, dict) else {}
        count = len(self.problems)
        allowed = [key for key in (*block.params, *_USE[1:]) if key not in own]
        for key in own:
            if key not in block.params and key not in _USE:
                near = closest(key, allowed)
                better = certain(key, near) if near else ""
                hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
                fix = Fix(item.keys[key], key, better) if better else None
                message = f"unknown key {key!r}: {name} has no such parameter"
                self.problems.append(Problem(message, item.keys[key], path, (hint,), fix=fix))
        for key, default in block.params.items():
            if default.value == REQUIRED and key not in own and len(self.problems) == count:
                hint = f"a parameter of {name} ({default.mark})"
                self.problems.append(Problem(f"{key!r} is missing", item.mark, path, (hint,)))
        if len(self.problems) > count:
            return None
        return {key: own.get(key, default) for key, default in block.params.items()}

    def _repeat(self, node: Node | None, path: Path) -> int:
        if node is None:
            return 1
        if type(node.value) is int and 1 <= node.value <= MAX_LAYERS:
            return node.value
        message = f"a whole number from 1 to {MAX_LAYERS} is expected"
        self.problems.append(Problem(message, node.mark, (*path, "repeat")))
        return 0
