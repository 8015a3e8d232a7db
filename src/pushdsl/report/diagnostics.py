"""Diagnostics and problems in; the lines or the JSON that show them out."""

from __future__ import annotations

from collections.abc import Iterator

from pushdsl.errors import Diagnostic, Problem


def diagnostic_lines(diagnostic: Diagnostic) -> Iterator[str]:
    """One diagnostic: what is wrong, where, underlined, and what to do."""
    yield f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"
    if diagnostic.span is not None:
        yield f"  --> {diagnostic.span}"
        yield from (f"  {line}" for line in diagnostic.span.underlined().split("\n"))
    for span in diagnostic.related:
        yield f"  see {span}"
        yield from (f"  {line}" for line in span.underlined().split("\n"))
    if diagnostic.help:
        yield f"  help: {diagnostic.help}"
    if diagnostic.fix is not None and diagnostic.fix.title != diagnostic.help:
        yield f"  fix: {diagnostic.fix.title}"


def diagnostic_dict(diagnostic: Diagnostic) -> dict[str, object]:
    """A diagnostic for a program; lines and columns count from 1, the end is excluded."""
    place: dict[str, object] = {}
    if (span := diagnostic.span) is not None:
        end_line, end_column = span.source.position(span.end)
        place = {
            "file": span.source.name, "line": span.line, "column": span.column, "end_line": end_line,
            "end_column": end_column,
        }  # fmt: skip
    fix = diagnostic.fix and {"title": diagnostic.fix.title, "text": diagnostic.fix.text}
    return {
        "code": diagnostic.code, "severity": diagnostic.severity, "message": diagnostic.message, **place,
        "help": diagnostic.help, "fix": fix,
    }  # fmt: skip


def problem_lines(problem: Problem) -> Iterator[str]:
    yield f"{problem.severity}[{problem.code}]: {problem}"
    if problem.help:
        yield f"  help: {problem.help}"
