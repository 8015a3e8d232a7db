"""One apply at a time: a lock on a file, which the operating system takes back however its holder dies."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pushdsl.errors import HeldRecord, PushdslError

_FAR = 1 << 30
"""Windows forbids reading what is locked, so the locked byte lies far beyond the text that names the holder."""


@contextmanager
def held(path: Path, *, daemon: bool = False) -> Iterator[None]:
    """Holds the lock file at `path` for this process; raises HeldRecord that names who holds it already.

    The file stays when the lock is given back: to delete it could take the lock from someone who just got it.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise PushdslError(
            f"cannot write the lock `{path}`: {(error.strerror or '').lower()}", "make its folder writable"
        ) from None
    try:
        if not _locked(handle):
            raise _taken(path)
        _sign(handle, daemon)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sign(handle: int, daemon: bool) -> None:
    """Says in the file who holds it, and what for; the file's own time says since when."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    holder = {"process": os.getpid(), "host": socket.gethostname(), "daemon": daemon}
    os.write(handle, json.dumps(holder).encode())


def _taken(path: Path) -> HeldRecord:
    who, daemon = "another process", False
    with suppress(OSError, ValueError, KeyError, TypeError):  # the holder may be writing its name just now
        holder = json.loads(path.read_text("utf-8"))
        since = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        who = f"process {holder['process']} on `{holder['host']}` (since {since:%Y-%m-%d %H:%M:%S} UTC)"
        daemon = holder.get("daemon") is True
    return HeldRecord(who, by_daemon=daemon)
