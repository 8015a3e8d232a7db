"""What the daemon logs, as lines for people or as JSON for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FIELDS = ("event", "tenant", "store", "help")
"""What a message may have beside its text; anything else is not written, so that nothing secret can be."""


def formatter(kind: str) -> logging.Formatter:
    """`text` or `json`."""
    return JsonLines() if kind == "json" else TextLines()


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": _time(record), "level": record.levelname.lower(), "message": record.getMessage()}
        line |= {name: value for name, value in _fields(record).items() if value}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        place = " ".join(part for part in (fields["tenant"], fields["store"]) if part)
        help = f" (help: {fields['help']})" if fields["help"] else ""
        text = f"{_time(record)} {place + ': ' if place else ''}{record.getMessage()}{help}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(getattr(record, name, "") or "") for name in FIELDS}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
