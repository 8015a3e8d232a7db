"""The bytes of a rule file in; its text out, or the one reason why it cannot be read."""

from __future__ import annotations

from typing import Final

from pushdsl.errors import Diagnostic
from pushdsl.source import SourceText, Span

# The largest rule file that is read. It holds some 20,000 rules and parses within seconds.
MAX_BYTES: Final = 8_000_000


def read_source(name: str, content: bytes) -> tuple[SourceText, tuple[Diagnostic, ...]]:
    """The text with LF line ends and without BOM; `name` is what messages call it.

    Where there is a diagnostic the text is good for showing it, not for parsing.
    """
    if len(content) > MAX_BYTES:
        source = SourceText(name, "")
        return source, (too_large(source),)
    try:
        return SourceText(name, content.decode("utf-8-sig").replace("\r\n", "\n")), ()
    except UnicodeDecodeError as error:
        # the offsets of this codec count from after the BOM
        body = content.removeprefix(b"\xef\xbb\xbf")
        start = len(body[: error.start].decode("utf-8").replace("\r\n", "\n"))
        source = SourceText(name, body.decode("utf-8", "replace").replace("\r\n", "\n"))
        message = f"the file is not UTF-8: it has the byte {body[error.start]:#04x} here"
        return source, (Diagnostic("PUSH001", message, Span(source, start, start + 1), "save the file as UTF-8"),)


def too_large(source: SourceText) -> Diagnostic:
    message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
    help = "keep SKUs in a list and name it with `from`, or split the rules over several files"
    return Diagnostic("PUSH002", message, Span(source, 0, 0), help)
