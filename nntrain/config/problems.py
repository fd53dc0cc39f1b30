"""What is wrong with a config, where, and how it is shown: `file:line:column: message`, the line, a caret, the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nntrain.errors import ConfigError


@dataclass(frozen=True)
class Source:
    """A text that values come from: a file, standard input, or a `--set` option."""

    name: str
    text: str
    is_option: bool = False

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")


@dataclass(frozen=True)
class Mark:
    """A place in a source; line and column count from 1."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return self.source.name if self.source.is_option else f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the message says what, the hints what to do."""

    message: str
    mark: Mark | None = None
    path: tuple[str | int, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The path as a user writes it: `layers[2].out_features`."""
        return show_path(self.path)

    def __str__(self) -> str:
        subject = f"{self.where}: " if self.path else ""
        lines = [f"{self.mark}: {subject}{self.message}" if self.mark else f"{subject}{self.message}"]
        if self.mark and not self.mark.source.is_option and self.mark.line <= len(self.mark.source.lines):
            text = self.mark.source.lines[self.mark.line - 1].rstrip("\r")
            start = max(0, self.mark.column - 100)
            shown = text[start : start + 160].replace("\t", " ")
            number = f"{self.mark.line:>5} | "
            lines.append(number + shown)
            lines.append(" " * (len(number) - 2) + "| " + " " * (self.mark.column - 1 - start) + "^")
        lines += [f"        {hint}" for hint in self.hints]
        return "\n".join(lines)


def show_path(path: Sequence[str | int]) -> str:
    """`layers[2].out_features` for ("layers", 2, "out_features")."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class ConfigProblems(ConfigError):
    """Every problem of a config, in the order of their places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(
            dict.fromkeys(problems),
            key=lambda p: (p.mark.source.name, p.mark.line, p.mark.column) if p.mark else ("", 0, 0),
        )
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__(f"{head} in the config\n\n" + "\n\n".join(map(str, self.problems)))
