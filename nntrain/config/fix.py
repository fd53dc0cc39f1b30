"""`nntrain validate --fix`: what can be put right with certainty is rewritten in place; comments and layout stay."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nntrain.config import load
from nntrain.config.compose import read
from nntrain.config.problems import ConfigProblems, Fix, Problem, Source
from nntrain.errors import ConfigError

_ROUNDS = 20  # one mistake can hide another: a layer's fields are known when its type is


def fix_file(path: str) -> tuple[list[Fix], list[Problem]]:
    """Rewrite a config file. Returns what was changed, and the problems that are left."""
    if path == "-":
        raise ConfigError("standard input cannot be rewritten: give a file")
    text, fixes, problems = fixed(path, read(path).text)
    if fixes:
        _replace(Path(path), text)
    return fixes, problems


def fixed(path: str, text: str) -> tuple[str, list[Fix], list[Problem]]:
    """The text of the config file `path` with everything fixed that can be, the fixes, and the problems that are left."""
    done: list[Fix] = []
    for _ in range(_ROUNDS):
        try:
            load(path, text=text)
            return text, done, []
        except ConfigProblems as error:
            problems = error.problems
        wanted = [p.fix for p in problems if p.fix is not None and p.fix.mark.source.name == path]
        text, made = apply(text, wanted)
        done += made
        if not made:
            return text, done, problems
    return text, done, problems


def apply(text: str, fixes: Sequence[Fix]) -> tuple[str, list[Fix]]:
    """The text with fixes applied, and those that found what they replace."""
    starts = _starts(Source("", text))
    made: list[Fix] = []
    for fix in sorted(dict.fromkeys(fixes), key=lambda f: (f.mark.line, f.mark.column), reverse=True):
        at = starts[fix.mark.line - 1] + fix.mark.column - 1
        old = re.escape(fix.old)
        found = re.compile(rf"(['\"]){old}\1|{old}(?![A-Za-z0-9_])").match(text, at)
        if found:
            text = text[:at] + fix.new + text[found.end() :]
            made.append(replace(fix, old=found[0]))
    return text, made[::-1]


def _starts(source: Source) -> list[int]:
    """Where each line starts."""
    starts = [0]
    for line in source.lines:
        end = starts[-1] + len(line)
        starts.append(end + (2 if source.text[end : end + 2] == "\r\n" else 1))
    return starts


def _replace(path: Path, text: str) -> None:
    """Write a file through a temporary one beside it, so that it is whole at any moment."""
    target = Path(os.path.realpath(path))
    bom = target.read_bytes()[:3] == b"\xef\xbb\xbf"
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(text.encode("utf-8-sig" if bom else "utf-8"))
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, name)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
