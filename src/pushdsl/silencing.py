"""What was said of rule files in; the same out, with the lints that a comment silences marked as such.

`# allow PUSH309 because the hub ships for both` silences that lint where it stands: at the end of its line, or on a
line of its own right above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from pushdsl.errors import Diagnostic, Fix
from pushdsl.grammar.comments import Comment, comments
from pushdsl.source import SourceText, Span

CODES: dict[str, str] = {
    "PUSH060": "a lint silenced without a reason",
    "PUSH061": "a code that no lint has",
    "PUSH062": "an error that a comment would silence",
    "PUSH063": "a comment that silences nothing",
}

_MAY_SILENCE = re.compile(r"allow[ \t]+push", re.IGNORECASE)
_CODE = re.compile(r"push[-_]?\d\w*", re.IGNORECASE)
_FORM = re.compile(
    rf"(?:\#|＃)[ \t]*allow[ \t]+(?P<codes>{_CODE.pattern}(?:[ \t]*,[ \t]*{_CODE.pattern})*)"
    r"(?P<between>[ \t]+because\b[ \t]*|[ \t]*[:–—-]+[ \t]*(?:because\b[ \t]*)?)?(?P<reason>.*)",
    re.IGNORECASE,
)
_BECAUSE = " because "


@dataclass(frozen=True, slots=True)
class Silencing:
    """A comment that silences: the codes as written, on these lines, for this reason (empty: none was given)."""

    comment: Span
    alone: bool
    lines: frozenset[int]
    codes: tuple[Span, ...]
    reason: str
    between: Span


def is_lint(code: str, known: Mapping[str, str]) -> bool:
    """Whether the diagnostics of this code are lints, which may be silenced."""
    return code in known and (code.startswith(("PUSH3", "PUSH61")) or code == "PUSH040")


def silence(
    sources: Iterable[SourceText], said: Sequence[Diagnostic], known: Mapping[str, str]
) -> tuple[Diagnostic, ...]:
    """All of `said`, the silenced with their reason, and after it what there is to say of the silencing itself.

    `known` are the codes of rule files with their titles.
    """
    found = [silencing for source in sources for silencing in silencings(source)]
    if not found:
        return tuple(said)
    lints = _Lints(said)
    silenced = {
        place: silencing.reason
        for silencing in found
        if silencing.reason
        for code in silencing.codes
        if is_lint(code.text, known)
        for place in lints.of(silencing, code.text)
    }
    marked = [replace(one, silenced=silenced[k]) if k in silenced else one for k, one in enumerate(said)]
    errors = any(one.severity == "error" for one in said)
    about = [one for silencing in found for one in _about(silencing, lints, known, errors)]
    return (*marked, *about)


class _Lints:
    """The lints by file, code and line: the first and the last line of what they are about."""

    def __init__(self, said: Sequence[Diagnostic]) -> None:
        self._places: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for place, one in enumerate(said):
            if one.severity == "lint" and one.span is not None:
                source = one.span.source
                for line in {one.span.line, source.position(max(one.span.start, one.span.end - 1))[0]}:
                    self._places.setdefault((id(source), line), []).append((one.code, place))

    def on(self, silencing: Silencing) -> Iterator[tuple[str, int]]:
        for line in sorted(silencing.lines):
            yield from self._places.get((id(silencing.comment.source), line), ())

    def of(self, silencing: Silencing, code: str) -> list[int]:
        return [place for other, place in self.on(silencing) if other == code]


def silencings(source: SourceText) -> Iterator[Silencing]:
    """Every comment of the file that means to silence lints."""
    if not _MAY_SILENCE.search(source.text):
        return
    found = comments(source)
    alone = {comment.span.line for comment in found if comment.alone}
    for comment in found:
        if form := _FORM.fullmatch(comment.span.text):
            yield _silencing(comment, form, alone)


def _silencing(comment: Comment, form: re.Match[str], alone: set[int]) -> Silencing:
    source, start = comment.span.source, comment.span.start
    line = comment.span.line
    lines = {line}
    if comment.alone:
        while line in alone:
            line += 1
        lines.add(line)
    codes = tuple(
        Span(source, start + code.start(), start + code.end())
        for code in _CODE.finditer(form[0], form.start("codes"), form.end("codes"))
    )
    between = Span(source, codes[-1].end, start + form.start("reason"))
    reason = form["reason"].strip() if between.text.strip().lower() == "because" else ""
    return Silencing(comment.span, comment.alone, frozenset(lines), codes, reason, between)


# ---- what is wrong with a silencing -----------------------------------------------------------------


def _about(silencing: Silencing, lints: _Lints, known: Mapping[str, str], errors: bool) -> Iterator[Diagnostic]:
    if not silencing.reason:
        yield _without_reason(silencing, lints)
        return
    idle = []
    for code in silencing.codes:
        if is_lint(code.text, known):
            if not lints.of(silencing, code.text):
                idle.append(code)
        elif code.text in known or code.text in CODES:
            message = f"`{code.text}` is no lint, so it cannot be silenced"
            help = "correct what it says; only lints can be silenced"
            yield Diagnostic("PUSH062", message, code, help, severity="lint")
        else:
            yield _unknown(code, silencing, lints, known)
    # where there are errors, not every lint is said
    if not errors:
        yield from _idle(silencing, idle)


def _without_reason(silencing: Silencing, lints: _Lints) -> Diagnostic:
    code = silencing.codes[0].text.upper()
    help = f"write `# allow {code} because …` and say why"
    sign = silencing.between.text.strip()
    rest = Span(silencing.comment.source, silencing.between.end, silencing.comment.end).text.strip()
    fix = None
    if sign and rest and all(lints.of(silencing, one.text) for one in silencing.codes):
        fix = Fix(silencing.between, _BECAUSE, "write `because`")
    message = "the reason follows `because`" if rest else "a lint is silenced with a reason, and here is none"
    return Diagnostic("PUSH060", message, silencing.comment, help, fix, "lint")


def _unknown(code: Span, silencing: Silencing, lints: _Lints, known: Mapping[str, str]) -> Diagnostic:
    said_here = [one for one, _ in lints.on(silencing) if is_lint(one, known)]
    meant = get_close_matches(code.text.upper(), said_here, 1)
    near = meant or get_close_matches(code.text.upper(), [one for one in known if is_lint(one, known)], 1)
    help = f"did you mean `{near[0]}`?" if near else "`pushdsl check` prints the code before each lint"
    fix = Fix(code, meant[0], f"write `{meant[0]}`") if meant else None
    return Diagnostic("PUSH061", f"no lint has the code `{code.text}`", code, help, fix, "lint")


def _idle(silencing: Silencing, idle: Sequence[Span]) -> Iterator[Diagnostic]:
    help = "delete it; a comment silences its own line or, on a line of its own, the next one"
    if len(idle) == len(silencing.codes):
        message = "this comment silences nothing"
        yield Diagnostic("PUSH063", message, silencing.comment, help, _deletion(silencing), "lint")
        return
    for code in idle:
        place = silencing.codes.index(code)
        if place:
            stretch = Span(code.source, silencing.codes[place - 1].end, code.end)
        else:
            stretch = Span(code.source, code.start, silencing.codes[1].start)
        fix = Fix(stretch, "", f"delete `{code.text}`")
        yield Diagnostic("PUSH063", f"`{code.text}` is not said here", code, help, fix, "lint")


def _deletion(silencing: Silencing) -> Fix:
    """The comment away: with its line where nothing else stands there, else with the blanks before it."""
    source, start, end = silencing.comment.source, silencing.comment.start, silencing.comment.end
    before = source.text[:start]
    if silencing.alone:
        start = before.rfind("\n") + 1
        end += source.text[end : end + 1] == "\n"
    else:
        start = len(before.rstrip(" \t"))
    return Fix(Span(source, start, end), "", "delete the comment")
