"""Calls of many in; their transactions as one, and then their answers, out.

For a record with one writer, where a commit costs more than what is written.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 64
"""Calls in one transaction, so that other processes come in between."""

_Call = tuple[Future[Any], Callable[[], Any]]  # Any: each call has an answer of its own


class Together(Executor):
    """One thread, in which calls are made in the order they come. Those that wait when it is free go together.

    Once `within` is set, their transactions are one; a call that fails undoes its own part alone. Nobody is answered
    before it is kept; where it cannot be kept, each of them is told so.
    """

    def __init__(self, name: str) -> None:
        self.within: Callable[[], AbstractContextManager[object]] = nullcontext
        self._waiting: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._guard, self._ended = threading.Lock(), False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        with self._guard:
            if self._ended:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._guard:
            if not self._ended:
                self._ended = True
                self._waiting.put(None)
        if wait:
            self._thread.join()

    # ---- in the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        more = True
        while more:
            calls, more = self._next()
            running = [call for call in calls if call[0].set_running_or_notify_cancel()]
            if running:
                self._carry_out(running)

    def _next(self) -> tuple[list[_Call], bool]:
        """What waits, at least one; and whether anything can follow."""
        calls: list[_Call] = []
        call = self._waiting.get()
        while call is not None:
            calls.append(call)
            if len(calls) == AT_ONCE or self._waiting.empty():
                return calls, True
            call = self._waiting.get()
        return calls, False

    def _carry_out(self, calls: list[_Call]) -> None:
        answers: list[tuple[Any, BaseException | None]] = []
        try:
            with self.within():
                answers = [_answer(work) for _, work in calls]
        except BaseException as error:  # nothing was kept: it is told to all who called
            answers = [(None, error)] * len(calls)
        for (future, _), (answer, failure) in zip(calls, answers, strict=True):
            if failure is None:
                future.set_result(answer)
            else:
                future.set_exception(failure)


def _answer(work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:  # it is the caller's
        return None, error
