"""Diagnostics and problems in; the lines or the JSON that show them out."""

from __future__ import annotations

from collections.abc import Iterator

from pushdsl.errors import Diagnostic, Problem
from pushdsl.source import Span, visible


def diagnostic_lines(diagnostic: Diagnostic) -> Iterator[str]:
    """One diagnostic: what is wrong, where, underlined, what to do, and where to read more."""
    yield visible(f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}")
    indent = "  "
    if (span := diagnostic.span) is not None:
        yield f"  --> {visible(str(span))}"
        excerpt = span.underlined().split("\n")
        yield from (f"  {line}".rstrip() for line in excerpt)
        indent += " " * excerpt[0].index("|")
    for other in diagnostic.related:
        yield f"  also {visible(str(other))}"
        yield from (f"  {line}".rstrip() for line in other.underlined("-").split("\n"))
    if diagnostic.help:
        yield visible(f"{indent}= help: {diagnostic.help}")
    if fix := _fix_title(diagnostic):
        yield visible(f"{indent}= fix: {fix}")
    yield f"{indent}= see: pushdsl explain {diagnostic.code}"


def diagnostic_line(diagnostic: Diagnostic) -> str:
    """One diagnostic on one line, without drawing: for screen readers and logs."""
    place = f"{diagnostic.span}: " if diagnostic.span is not None else ""
    fix = _fix_title(diagnostic)
    parts = [
        diagnostic.message,
        *([f"help: {diagnostic.help}"] if diagnostic.help else []),
        *([f"fix: {fix}"] if fix else []),
        *([f"see also {', '.join(map(str, diagnostic.related))}"] if diagnostic.related else []),
    ]
    return visible(f"{place}{diagnostic.severity}[{diagnostic.code}]: {'; '.join(parts)}")


def _fix_title(diagnostic: Diagnostic) -> str:
    """What `check --fix` would do; empty where there is no fix or the help says the same."""
    fix = diagnostic.fix
    return fix.title if fix is not None and fix.title != diagnostic.help else ""


def diagnostic_dict(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic for a program; lines and columns count from 1, the end is excluded."""
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **(_place(diagnostic.span) if diagnostic.span is not None else {}),
        "help": diagnostic.help,
        "fix": fix and {"title": fix.title, "text": fix.text, **_place(fix.span)},
        "related": [_place(span) for span in diagnostic.related],
        "silenced": diagnostic.silenced or None,
    }


def _place(span: Span) -> dict[str, object]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column,
    }  # fmt: skip


def problem_lines(problem: Problem) -> Iterator[str]:
    yield visible(f"{problem.severity}[{problem.code}]: {problem}")
    if problem.help:
        yield visible(f"  help: {problem.help}")
