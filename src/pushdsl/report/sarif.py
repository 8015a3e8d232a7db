"""Diagnostics in; SARIF 2.1.0 out, the form in which a code host shows them in a review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pushdsl import __version__
from pushdsl.errors import Diagnostic, Fix, Severity
from pushdsl.report.pages import page_of, title_of
from pushdsl.source import Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: dict[Severity, str] = {"error": "error", "lint": "warning"}


def sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, object]:
    """One run with every diagnostic, the silenced marked as suppressed; columns count characters."""
    codes = sorted({one.code for one in diagnostics})
    levels = {one.code: _LEVELS[one.severity] for one in diagnostics}
    driver = {"name": "pushdsl", "version": __version__, "rules": [_rule(code, levels[code]) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(one, codes.index(one.code)) for one in diagnostics],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, level: str) -> dict[str, object]:
    page = page_of(code) or code
    return {
        "id": code,
        "shortDescription": {"text": title_of(code)},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": level},
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, object]:
    words = f"{diagnostic.message}; {diagnostic.help}" if diagnostic.help else diagnostic.message
    result: dict[str, object] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": words},
        "locations": [{"physicalLocation": _location(diagnostic.span)}] if diagnostic.span is not None else [],
        # where one result has suppressions, all must
        "suppressions": [_suppression(diagnostic.silenced)] if diagnostic.silenced else [],
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(span), "message": {"text": "see also"}}
            for number, span in enumerate(diagnostic.related)
        ]
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix)]
    return result


def _suppression(reason: str) -> dict[str, object]:
    return {"kind": "inSource", "status": "accepted", "justification": reason}


def _fix(fix: Fix) -> dict[str, object]:
    replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}}
    change = {"artifactLocation": _artifact(fix.span), "replacements": [replacement]}
    return {"description": {"text": fix.title}, "artifactChanges": [change]}


def _location(span: Span) -> dict[str, object]:
    return {"artifactLocation": _artifact(span), "region": _region(span)}


def _artifact(span: Span) -> dict[str, object]:
    """Relative to the folder that `check` runs in, which a code host takes for the repository's root."""
    name = span.source.name
    if Path(name).is_absolute():
        return {"uri": Path(name).as_uri()}
    return {"uri": quote(Path(name).as_posix()), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, object]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
