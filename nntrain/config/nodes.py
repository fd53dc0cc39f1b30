"""YAML 1.2 with a mark on every value: a tree of `Node`, built from the parser's events.

Strict where YAML is lenient: duplicate keys, several documents, merge keys and foreign tags are problems; `1e-3` is a
number, `no` and `on` are strings; sizes, depth and what aliases expand to are bounded, and nothing recurses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from nntrain.config.problems import Mark, Problem, Source, show_path
from nntrain.config.syntax import explain

MAX_BYTES = 1_000_000
MAX_DEPTH = 60
MAX_NODES = 50_000

_INT = re.compile(r"[-+]?[0-9]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_OCT = re.compile(r"0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_NOT_TEXT = re.compile(  # control characters, breaks that only YAML 1.1 knows, invisible ones; odd spaces that indent
    f"^[ \t]*[{_SPACES}]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ufffe\uffff\ud800-\udfff]"
)
UNKNOWN = "unknown"  # the note of a value that could not be composed: it is not complained of twice
_CURLY = tuple("“”„‘’‚«»")
_COLLECTION_TAGS = {yaml.MappingStartEvent: f"{_TAG}map", yaml.SequenceStartEvent: f"{_TAG}seq"}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}


@dataclass(slots=True)
class Node:
    """A value with its place: a scalar, a list of nodes, or a map of names to nodes."""

    value: Any
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)  # of a map: where each key stands
    note: str = ""  # what a reader must know of a value that is not written here: `$vars.x is 3 (config.yaml:2:4)`
    label: str = ""  # of an item that a block was expanded to: how a reader calls it

    def plain(self) -> Any:
        """The value as Python data, lists as tuples."""
        if isinstance(self.value, dict):
            return {k: v.plain() for k, v in self.value.items()}
        if isinstance(self.value, list):
            return tuple(v.plain() for v in self.value)
        return self.value

    def copy(self) -> Node:
        """A tree of its own, in which what aliases share is no longer shared."""
        if isinstance(self.value, dict):
            value: Any = {k: v.copy() for k, v in self.value.items()}
        else:
            value = [v.copy() for v in self.value] if isinstance(self.value, list) else self.value
        return Node(value, self.mark, dict(self.keys), self.note, self.label)

    def at(self, path: tuple[str | int, ...]) -> Node | None:
        """The node at a path of names and positions; None where there is none."""
        node: Node | None = self
        for part in path:
            value = node.value if node is not None else None
            if isinstance(value, dict):
                node = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
                node = value[part]
            else:
                return None
        return node

    def called(self, path: tuple[str | int, ...]) -> str:
        """How a reader calls a path where that is not the path itself: what a block was expanded to was not written."""
        item = self.at(path[:2]) if path[:1] == ("layers",) else None
        if item is None or not item.label:
            return ""
        rest = show_path(path[2:])
        return item.label + (f".{rest}" if rest and not rest.startswith("[") else rest)

    def excess(self) -> str:
        """What is too much about a tree, counting what is shared as often as it is reached; nothing where it is fine."""
        total, stack = 0, [(self, 1)]
        while stack:
            node, depth = stack.pop()
            total += 1
            if total > MAX_NODES:
                return f"more than {MAX_NODES} values once aliases and variables are expanded"
            if depth > MAX_DEPTH:
                return f"nested deeper than {MAX_DEPTH}"
            below = node.value.values() if isinstance(node.value, dict) else node.value
            if isinstance(node.value, dict | list):
                stack.extend((n, depth + 1) for n in below)
        return ""


def scalar(text: str) -> Any:
    """A plain YAML 1.2 scalar: null, bool, int, float or string."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) < 400:
        return int(text)
    if _HEX.fullmatch(text) and len(text) < 300:
        return int(text, 16)
    if _OCT.fullmatch(text) and len(text) < 300:
        return int(text[2:], 8)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def parse(source: Source, problems: list[Problem]) -> Node | None:
    """The tree of one document. Problems are added to the list; None where nothing can be made of the text."""
    if len(source.text) > MAX_BYTES:
        problems.append(Problem(f"a config of more than {MAX_BYTES} characters is refused", Mark(source, 1, 1)))
        return None
    if _refused(source, problems):
        return None
    try:
        root = _Builder(source, problems).build()
    except yaml.MarkedYAMLError as error:
        message, mark = explain(error, source)
        problems.append(Problem(f"not valid YAML: {message}", mark))
        return None
    except (yaml.YAMLError, ValueError, UnicodeError) as error:
        problems.append(Problem(f"not valid YAML: {str(error).splitlines()[0]}", Mark(source, 1, 1)))
        return None
    excess = root.excess() if root is not None else ""
    if root is not None and excess:
        problems.append(Problem(f"a config {excess} is refused", root.mark))
        return None
    return root


def _refused(source: Source, problems: list[Problem]) -> bool:
    """Whether there are characters that are no text, or that break lines or indent for some readers alone."""
    for number, line in enumerate(source.lines, 1):
        if line.isascii() and line.isprintable():
            continue
        found = _NOT_TEXT.search(line)
        if found is None:
            continue
        code = ord(found[0][-1])
        if code == 0:
            message = "a NUL character: is this a text file?"
        elif re.match(f"[{_SPACES}]", found[0][-1]):
            message = f"the character U+{code:04X} looks like a space and cannot indent: use spaces"
        else:
            message = f"the character U+{code:04X} cannot be seen and is refused: remove it"
        problems.append(Problem(message, Mark(source, number, found.end())))
        return True
    return False


class _Builder:
    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.anchors: dict[str, Node] = {}
        self.count = 0

    def events(self) -> Iterator[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        yield from yaml.parse(self.source.text, Loader=loader)

    def build(self) -> Node | None:
        root: Node | None = None
        documents = 0
        stack: list[Node] = []
        pending: list[tuple[str, Mark] | None] = []  # the key that awaits its value, for each map on the stack

        for event in self.events():
            mark = (
                Mark(self.source, event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else None
            )
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.problem("a second document: a config is one document (a line '---' starts another)", mark)
                    return root
                continue
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                stack.pop()
                pending.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            assert mark is not None
            self.count += 1
            if self.count > MAX_NODES or len(stack) > MAX_DEPTH:
                what = f"nested deeper than {MAX_DEPTH}" if len(stack) > MAX_DEPTH else f"more than {MAX_NODES} values"
                self.problem(f"a config {what} is refused", mark)
                return None
            in_map = bool(stack) and isinstance(stack[-1].value, dict)
            if in_map and pending[-1] is None:
                pending[-1] = self.key(event, mark)
                if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                    return None
                continue
            node = self.node(event, mark)
            if stack:
                top = stack[-1]
                if isinstance(top.value, list):
                    top.value.append(node)
                else:
                    name, key_mark = pending[-1]  # type: ignore[misc]
                    pending[-1] = None
                    self.insert(top, name, key_mark, node)
            else:
                root = node
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                stack.append(node)
                pending.append(None)
        return root

    def problem(self, message: str, mark: Mark | None, *hints: str) -> None:
        self.problems.append(Problem(message, mark, hints=hints))

    def key(self, event: Any, mark: Mark) -> tuple[str, Mark]:
        if not isinstance(event, yaml.ScalarEvent):
            self.problem("a key must be a plain name", mark)
            return "?", mark
        if event.value == "<<" and event.implicit[0]:
            self.problem("merge keys (<<) are not part of YAML 1.2: use 'extends' or repeat the keys", mark)
        return event.value, mark

    def insert(self, target: Node, name: str, mark: Mark, node: Node) -> None:
        if name in target.keys:
            first = target.keys[name]
            self.problem(f"the key {name!r} is given twice: first on line {first.line}", mark, "remove one of the two")
            return
        target.keys[name] = mark
        target.value[name] = node

    def node(self, event: Any, mark: Mark) -> Node:
        if isinstance(event, yaml.AliasEvent):
            found = self.anchors.get(str(event.anchor))
            if found is None:
                self.problem(f"the anchor &{event.anchor} is not defined above", mark)
                return Node(None, mark)
            return found
        tag = event.tag
        own = _COLLECTION_TAGS.get(type(event))
        if tag not in (None, "!", own) and (own is not None or not tag.startswith(_TAG)):
            shown = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
            self.problem(f"the tag {shown} is refused: a config is plain data", mark)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self.scalar(event, mark), mark)
        else:
            node = Node({} if isinstance(event, yaml.MappingStartEvent) else [], mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def scalar(self, event: Any, mark: Mark) -> Any:
        tag = None if event.tag is None else event.tag.removeprefix(_TAG)
        if tag == "str" or (event.style and event.tag is None) or tag == "!":
            return event.value
        if tag not in (None, "int", "float", "bool", "null"):
            if event.tag.startswith(_TAG):
                self.problem(f"the tag !!{tag} is refused: a config is plain data", mark)
            return event.value
        value = scalar(event.value)
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            self.problem("a whole number of at most 64 bits is expected", mark)
            return 0
        if isinstance(value, str) and value[:1] in _CURLY and value[-1:] in _CURLY:
            self.problem("these quotes are part of the text: write ' or \"", mark)
        return float(value) if tag == "float" and type(value) is int else value
