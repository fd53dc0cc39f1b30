"""What a source gives: columns of text or an array of images, before anything is fitted, and where each row came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Strings = np.ndarray[Any, np.dtype[np.str_]]
Rows = np.ndarray[Any, np.dtype[np.int64]]


@dataclass
class RawTable:
    """Columns of text by name. `lines` is the line of the file that each row ends on, for messages."""

    name: str
    columns: dict[str, Strings]
    lines: Rows
    fixed: Mapping[str, Rows] = field(default_factory=dict)  # rows of splits that the source decides

    @property
    def rows(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Where a row stands: `file:line`."""
        return f"{self.name}:{self.lines[row]}"


@dataclass
class RawImages:
    """Images (n, height, width, channels) of bytes, class numbers where there are labels, and the classes' names."""

    name: str
    images: np.ndarray[Any, Any]
    labels: Rows | None
    classes: tuple[str, ...] = ()
    fixed: Mapping[str, Rows] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.images)

    def place(self, row: int) -> str:
        """Where a row stands: `file, image number`."""
        return f"{self.name}, image {row}"


Raw = RawTable | RawImages
