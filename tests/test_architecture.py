"""Imports point one way, and heavy packages stay in their rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "nntrain"

# what each room may import; errors, component and events are open to all
BELOW = {
    "backend": set(),
    "engine": {"backend"},
    "ops": {"engine", "backend"},
    "nn": {"ops", "engine", "backend"},
    "optim": {"ops", "engine", "backend"},
    "data": {"backend"},
    "metrics": {"data", "backend"},
    "config": {"nn", "optim", "data", "metrics", "ops", "engine", "backend"},
    "store": set(),
    "build": {"config", "store", "nn", "optim", "data", "metrics", "ops", "engine", "backend"},
    "train": {"build", "config", "store", "nn", "optim", "data", "metrics", "ops", "engine", "backend"},
    "checks": {"train", "build", "config", "nn", "optim", "data", "ops", "engine", "backend"},
    "summary": {"build", "config", "nn", "optim", "data", "metrics", "ops", "engine", "backend"},
    "doctor": {"*"},
    "report": {"engine"},
    "bench": {"train", "build", "config", "nn", "optim", "data", "metrics", "ops", "engine", "backend", "store"},
    "cli": {"*"},
    "__main__": {"cli"},
    "__init__": {"*"},
    "errors": set(),
    "component": set(),
    "events": set(),
}
OPEN = {"errors", "component", "events", "__init__"}

WALLS = {
    "typer": ("cli/",),
    "rich": ("cli/", "report/"),
    "cupy": ("backend/",),
    "cupyx": ("backend/",),
    "numba": ("backend/kernels/cpu/",),
    "torch": ("bench/",),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "nntrain":
                yield from (f"nntrain.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    allowed = BELOW[room(path)]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "nntrain" and len(parts) > 1 and "*" not in allowed and parts[1] != "__version__":
            assert parts[1] in allowed | OPEN | {room(path)}, f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_packages_stay_in_their_rooms(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for name in imports(path):
        rooms = WALLS.get(name.split(".")[0])
        assert rooms is None or place.startswith(rooms), f"{place} imports {name}"
