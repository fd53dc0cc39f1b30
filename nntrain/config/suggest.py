"""Closest names, and what other tools call things."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from nntrain.config.elsewhere import ELSEWHERE, SECTIONS, TYPES_ELSEWHERE

_RENAMED = re.compile(r"[a-z_0-9]+")


def closest(name: object, allowed: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` allowed names that look like `name`, the best first."""
    known = {a.lower(): a for a in allowed}
    wanted = str(name).lower()[:100]
    plain = re.sub("[-_ ]", "", wanted)
    ratio = {k: difflib.SequenceMatcher(None, wanted, k).ratio() for k in known}
    for k in known:
        letters = k.replace("_", "")
        if letters == plain:
            ratio[k] = 1.0
        elif len(plain) > 2 and sorted(letters) == sorted(plain):
            ratio[k] = max(ratio[k], 0.95)  # letters in another order: typed too fast
    found = sorted((k for k in known if ratio[k] >= 0.6), key=lambda k: -ratio[k])
    if not found:  # a part of a longer name
        found = [k for k in known if any(_alike(part, wanted) for part in k.split("_") if len(part) > 3)]
    return [known[k] for k in found if ratio[k] >= ratio[found[0]] - 0.15][:count]


def _alike(a: str, b: str) -> bool:
    return difflib.SequenceMatcher(None, a, b).ratio() >= 0.8


def key_hints(
    name: str, allowed: Iterable[str], owner: str, taken: Collection[str] = ()
) -> tuple[tuple[str, ...], str]:
    """What to do about an unknown key in a section, or in a component of a kind; and the right name where it is certain."""
    everything = list(allowed)
    known = [k for k in everything if k not in taken]
    glued = _glued(name, known)
    if glued:
        return (glued,), ""
    table = ELSEWHERE.get(owner, {})
    ours = table.get(name) or table.get(re.sub(r"[- ]", "_", name).lower())
    if ours is not None:
        better = ours if _RENAMED.fullmatch(ours) else ""
        if not better or better in everything:
            given = ", which is given already" if better in taken else ""
            hint = ours if ours.startswith("nothing") else f"here it is: {ours}{given}"
            return (hint,), better if better in known else ""
    near = closest(name, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",), certain(name, near)
    for other in ("train", "optimizer", "data", ""):
        if owner != other and name in SECTIONS.get(other, ()):
            return (f"here it is: {other + '.' if other else ''}{name}{'' if other else ' (at the top level)'}",), ""
    return (f"allowed: {', '.join(known)}",) if known else ("nothing is allowed here",), ""


def _glued(name: str, known: list[str]) -> str:
    """A key that swallowed its value: `lr:0.1` without a space, or `lr=0.1`."""
    for mark in (":", "="):
        left, found, right = name.partition(mark)
        if found and left.strip() in (*known, "type"):
            return f"here it is: {left.strip()}: {right.strip()}"
    return ""


def certain(name: str, near: list[str]) -> str:
    """The nearest of some names where it is a slip of the pen away, and the others are not as near; nothing else."""
    letters = sorted(name.lower())
    same = [n for n in near if sorted(n) == letters]
    if same:
        return same[0] if len(same) == 1 else ""
    ratios = [difflib.SequenceMatcher(None, name.lower(), n.lower()).ratio() for n in near]
    return near[0] if ratios[0] >= 0.8 and all(r < ratios[0] - 0.02 for r in ratios[1:]) else ""


def type_hints(name: str, allowed: Iterable[str], kind: str) -> tuple[tuple[str, ...], str]:
    """What to do about an unknown `type`, and the right name where it is certain."""
    known = list(allowed)
    plain = re.sub(
        r"^(torch\.nn\.|torch\.optim\.|tf\.keras\.(layers|losses|optimizers)\.|nn\.|optim\.|F\.)", "", name.strip()
    )
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", plain).lower().replace("-", "_").replace(" ", "_")
    short = snake.replace("_", "")
    for table_name in (snake, short, short.removesuffix("loss"), short.removesuffix("layer")):
        ours = TYPES_ELSEWHERE.get(kind, {}).get(table_name)
        if ours is not None:
            better = ours if _RENAMED.fullmatch(ours) else ""
            return (f"here it is: {ours}",), better if better in known else ""
    same = [k for k in known if k.replace("_", "") in (short, short.removesuffix("loss"))]
    if same:
        return (f"here it is: {same[0]}",), same[0]
    if "/" in name or re.search(r"\.(csv|tsv|gz|txt)$", name):
        return (f"here it is: {{type: csv, path: {name}}}",) if kind == "source" else (), ""
    near = closest(snake, known)
    if near:
        return (f"did you mean {' or '.join(near)}?",), certain(snake, near)
    return (f"known: {', '.join(known)}",), ""
