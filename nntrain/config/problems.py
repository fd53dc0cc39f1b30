"""What is wrong with a config, where, and how it is shown: `file:line:column: message`, the line, a caret, the fix."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nntrain.errors import ConfigError

MAX_SHOWN = 50
_WIDTH = 110
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Source:
    """A text that values come from: a file, standard input, or a `--set` option."""

    name: str
    text: str
    is_option: bool = False

    @cached_property
    def lines(self) -> list[str]:
        """The lines as YAML counts them."""
        return _BREAK.split(self.text)


@dataclass(frozen=True)
class Mark:
    """A place in a source; line and column count from 1."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return self.source.name if self.source.is_option else f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fix:
    """What `validate --fix` writes: at `mark`, the text `old` becomes `new`."""

    mark: Mark
    old: str
    new: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the message says what, the hints what to do, the fix does it where that is certain."""

    message: str
    mark: Mark | None = None
    path: tuple[str | int, ...] = ()
    hints: tuple[str, ...] = ()
    label: str = field(default="", compare=False)  # how the place is called where the path is not what was written
    fix: Fix | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """The path as a user writes it: `layers[2].out_features`."""
        return self.label or show_path(self.path)

    def __str__(self) -> str:
        subject = f"{self.where}: " if self.where else ""
        lines = [printable(f"{self.mark}: {subject}{self.message}" if self.mark else f"{subject}{self.message}")]
        if self.mark and not self.mark.source.is_option and self.mark.line <= len(self.mark.source.lines):
            text = self.mark.source.lines[self.mark.line - 1]
            start = max(0, self.mark.column - 100)
            before, after = text[start : self.mark.column - 1], text[self.mark.column - 1 : start + 160]
            number = f"{self.mark.line:>5} | "
            lines.append(number + printable(before) + printable(after))
            lines.append(" " * (len(number) - 2) + "| " + " " * _columns(printable(before)) + "^")
        for hint in self.hints:
            lines += textwrap.wrap(
                printable(hint),
                _WIDTH,
                initial_indent="        ",
                subsequent_indent="          ",
                break_on_hyphens=False,
                break_long_words=False,
            )
        return "\n".join(lines)


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or cannot be written: tabs are spaces, the rest is `?`."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "?" for c in text)


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: an ideograph takes two, a combining mark none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def show_path(path: Sequence[str | int]) -> str:
    """`layers[2].out_features` for ("layers", 2, "out_features")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class ConfigProblems(ConfigError):
    """Every problem of a config, in the order of their places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        once = {(p.mark, p.message, p.path if not p.label else ()): p for p in reversed(problems)}  # a block's: once
        self.problems = sorted(
            reversed(once.values()),
            key=lambda p: (p.mark.source.name, p.mark.line, p.mark.column) if p.mark else ("", 0, 0),
        )
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        shown = [str(p) for p in self.problems[:MAX_SHOWN]]
        if count > MAX_SHOWN:
            shown.append(f"... and {count - MAX_SHOWN} more")
        super().__init__(f"{head} in the config\n\n" + "\n\n".join(shown))
