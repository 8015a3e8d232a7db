"""One apply at a time, on both databases, and the lock of a dead one is free."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pushdsl.errors import HeldRecord, PushdslError
from pushdsl.store import open_store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_two_applies_of_one_record_do_not_mix(url: str) -> None:
    with open_store(url) as one, open_store(url) as other, one.lock():
        with pytest.raises(PushdslError) as raised, other.lock():
            pass

        assert f"process {os.getpid()} on `" in raised.value.message
        assert raised.value.message.endswith("is working with the same record")
        assert raised.value.help == "wait until it ends, then make a new plan and apply that"


def test_the_lock_tells_a_daemon_from_a_command(url: str) -> None:
    with open_store(url) as one, open_store(url) as other:
        for shared in (True, False):
            with one.lock(shared=shared), pytest.raises(HeldRecord) as raised, other.lock():
                pass

            assert raised.value.by_daemon is shared
            assert f"process {os.getpid()} on `" in raised.value.holder
            assert ("push-now" in raised.value.help) is shared


def test_a_lock_is_free_again_after_its_apply_even_if_that_failed(url: str) -> None:
    with open_store(url) as record:
        with pytest.raises(ZeroDivisionError), record.lock():
            _ = 1 // 0

        with record.lock():
            pass


def test_two_records_have_two_locks(urls: Callable[[], str]) -> None:
    with open_store(urls()) as a, open_store(urls()) as b, a.lock(), b.lock():
        pass


def test_the_lock_of_a_killed_apply_is_free_and_its_pushes_are_interrupted(url: str) -> None:
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from pushdsl.model import PlannedCell\n"
        "from pushdsl.store import open_store\n"
        "cell = PlannedCell('shopee_my', 'MUG', '', 'M-1', None, 9, 9, 'normal', None, None, 'push', '')\n"
        "with open_store(sys.argv[1]) as record, record.lock():\n"
        "    record.begin([cell], reason=1, at=datetime(2026, 3, 1, tzinfo=UTC))\n"
        "    print('sent', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as apply:
        assert apply.stdout is not None
        assert apply.stdout.readline() == "sent\n"
        with open_store(url) as record:
            with pytest.raises(PushdslError, match=f"process {apply.pid} on"), record.lock():
                pass
            apply.kill()
            apply.wait()

            with record.lock():
                assert record.interrupted(NOON) == 1
            assert record.live().quantity == [None]
