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

from pushdsl.errors import PushdslError

_FAR = 1 << 30
"""Windows forbids reading what is locked, so the locked byte lies far beyond the text that names the holder."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds the lock file at `path` for this process; raises PushdslError that names who holds it already.

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
        _sign(handle)
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


def _sign(handle: int) -> None:
    """Says in the file who holds it; the file's own time says since when."""
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps({"process": os.getpid(), "host": socket.gethostname()}).encode())


def _taken(path: Path) -> PushdslError:
    who = "another process"
    with suppress(OSError, ValueError, KeyError, TypeError):  # the holder may be writing its name just now
        holder = json.loads(path.read_text("utf-8"))
        since = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        who = f"process {holder['process']} on `{holder['host']}` (since {since:%Y-%m-%d %H:%M:%S} UTC)"
    return PushdslError(
        f"{who} is working with the same record",
        "wait until it ends, then make a new plan and apply that",
    )
