"""What the YAML parser complains of, in plain words and at the place where the mistake is."""

from __future__ import annotations

import yaml

from nntrain.config.problems import Mark, Source

_OPEN = {"flow sequence": ("[", "]"), "flow mapping": ("{", "}")}


def explain(error: yaml.MarkedYAMLError, source: Source) -> tuple[str, Mark]:
    """What is wrong, and where. Brackets and quotes that are not closed are shown where they open."""
    at = error.problem_mark or error.context_mark
    mark = Mark(source, at.line + 1, at.column + 1) if at else Mark(source, 1, 1)
    opened = Mark(source, error.context_mark.line + 1, error.context_mark.column + 1) if error.context_mark else mark
    problem, context = (error.problem or "syntax error").strip(), error.context or ""
    line = source.lines[mark.line - 1] if mark.line <= len(source.lines) else ""
    before, after = line[: mark.column - 1], line[mark.column - 1 :]

    if "unexpected end of stream" in problem and "quoted scalar" in context:
        return "the quote that opens here is not closed", opened
    for name, (left, right) in _OPEN.items():
        if name in context and problem.startswith("did not find expected"):
            if mark.line != opened.line or not after.strip():
                return f"the {left!r} that opens here is not closed: {right!r} is missing", opened
            return f"',' or {right!r} is expected here", mark
    if "cannot start any token" in problem:
        if after.startswith("\t"):
            return "a tab cannot indent: use spaces", mark
        return f"{after[:1]!r} cannot start a value: put the text in quotes", mark
    if "found a tab character" in problem:
        return "a tab cannot indent: use spaces", mark
    if "mapping values are not allowed" in problem:
        return "a second ': ' on the line: put a text with ': ' in quotes, or start a new line", mark
    if "could not find expected ':'" in problem:
        text = source.lines[opened.line - 1] if opened.line <= len(source.lines) else ""
        name, colon, _ = text.strip().partition(":")
        return (f"a space is missing after {name + ':'!r}" if colon else "a ':' is missing after the key"), opened
    if "escape character" in problem:
        return r"in double quotes a \ starts an escape: use single quotes, or / in a path", mark
    if "alphabetic or numeric" in problem:
        return "a text that starts with * or & must be in quotes", opened
    if "did not find expected <document start>" in problem:
        return "text after the end of the document (a line '...')", mark
    if (
        "did not find expected key" in problem
        or "expected '-' indicator" in problem
        or "expected <block end>" in problem
    ):
        if before.strip():
            return "this does not belong here: the value before it is complete", mark
        return "the indentation does not match the lines above", mark
    if "block sequence entries are not allowed" in problem:
        return "a list's '- ' starts on a line of its own", mark
    return problem, mark
