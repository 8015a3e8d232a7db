"""Wakes as messages of NATS JetStream: one subject for each lane, which keeps its newest message only.

They are in the server's memory: it may lose them. The server cannot keep a message for later, so later wakes wait in
the process that was told of them.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import re
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import quote, unquote, urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from pushdsl.errors import PushdslError
from pushdsl.store import Execute
from pushdsl.wakes import Handler
from pushdsl.wakes.own import CONCURRENCY, OwnWake, milliseconds
from pushdsl.wakes.turns import Turns, turns_of, unless

WORKERS = "workers"
CONNECT_SECONDS = 5.0
FETCH_SECONDS = 2.0
"""How long a worker waits for a message before it asks again; as long may it miss that the server was away."""
AGAIN_SECONDS = 1.0
CLOSE_SECONDS = 1.0
AGAIN_MILLISECONDS = 1000
PUBLISHED_AT_ONCE = 64
_log = logging.getLogger(__name__)


class NatsWake:
    """For those who run NATS. `nats://host:4222/NAME`: NAME keeps the wakes of several records on one server apart."""

    def __init__(self, url: str, concurrency: int = CONCURRENCY) -> None:
        parts = urlsplit(url)
        self._server = parts._replace(path="", query="", fragment="").geturl()
        self._name = subject_word(parts.path.strip("/") or "pushdsl")
        self._concurrency = concurrency
        self._found = OwnWake(concurrency)
        self._out = OwnWake(PUBLISHED_AT_ONCE)
        self._guard = threading.Lock()
        self._publishing: _Publishing | None = None

    def in_transaction(self, tenant: str, execute: Execute, lanes: Mapping[str, int]) -> None:
        pass

    def committed(self, tenant: str, lanes: Mapping[str, int]) -> None:
        self._out.committed(tenant, lanes)
        with self._guard:
            if self._publishing is None:
                self._publishing = _Publishing(self)
                atexit.register(self.close)

    def close(self) -> None:
        """Publishes what is due by now, for a second at most; also done where the process ends."""
        with self._guard:
            publishing, self._publishing = self._publishing, None
        if publishing is not None:
            atexit.unregister(self.close)
            publishing.end()

    def found(self, tenant: str, lanes: Iterable[str]) -> None:
        self._found.found(tenant, lanes)

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        async with self._connected() as client, turns_of(handler, stop, self._concurrency, self._found) as turns:
            while not turns.ended.is_set():
                try:
                    await self._work(client, turns)
                except nats.errors.Error:
                    _log.warning("waking by NATS stopped, and is tried again: its server is out of reach")
                    await unless(turns.ended, asyncio.sleep(AGAIN_SECONDS))

    async def _work(self, client: Client, turns: Turns) -> None:
        wakes = await self._subscribed(client.jetstream())
        slots = asyncio.Semaphore(self._concurrency)
        running: set[asyncio.Task[None]] = set()

        def ended(task: asyncio.Task[None]) -> None:
            running.discard(task)
            slots.release()

        try:
            while await unless(turns.ended, slots.acquire()):
                message = await unless(turns.ended, _next(wakes))
                if message is None:
                    break
                task = asyncio.create_task(_begin(message, turns))
                running.add(task)
                task.add_done_callback(ended)
        finally:
            if running:
                await asyncio.wait(running)

    async def _subscribed(self, stream: JetStreamContext) -> JetStreamContext.PullSubscription:
        await self._make_stream(stream)
        config = api.ConsumerConfig(ack_policy=api.AckPolicy.EXPLICIT, max_ack_pending=-1)
        return await stream.pull_subscribe(f"{self._name}.wake.>", WORKERS, stream=self._stream, config=config)

    @property
    def _stream(self) -> str:
        return f"{self._name}-wakes"

    async def _make_stream(self, stream: JetStreamContext) -> None:
        """One that is there already is left as it is."""
        try:
            await stream.stream_info(self._stream)
        except NotFoundError:
            await stream.add_stream(
                api.StreamConfig(
                    self._stream, subjects=[f"{self._name}.wake.>"], retention=api.RetentionPolicy.WORK_QUEUE,
                    max_msgs_per_subject=1, discard=api.DiscardPolicy.OLD, storage=api.StorageType.MEMORY,
                )
            )  # fmt: skip

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """Raises PushdslError where the server does not answer; later it is looked for as long as it takes."""
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    self._server, name="pushdsl", max_reconnect_attempts=-1, reconnect_time_wait=1,  # seconds
                    connect_timeout=2, error_cb=_told,
                )  # fmt: skip
                await self._make_stream(client.jetstream())
        except (TimeoutError, OSError, nats.errors.Error):
            await _close(client)
            raise PushdslError(
                f"NATS does not answer at `{self._host}`, or has no JetStream",
                "see that it runs with JetStream (`nats-server -js`), and that `wake` under [run] is right",
            ) from None
        try:
            yield client
        finally:
            await _close(client)

    @property
    def _host(self) -> str:
        return urlsplit(self._server).netloc.rpartition("@")[2]

    async def publish_all(self, stop: asyncio.Event) -> None:
        """Publishes what comes until `stop`, and then what is due by then."""
        while True:
            try:
                async with self._connected() as client:
                    publish = partial(self._publish, client.jetstream())
                    await self._out.run(publish, stop)
                    await asyncio.gather(*(publish(*key) for key in self._out.take(PUBLISHED_AT_ONCE)))
                    return
            except PushdslError:
                if stop.is_set():
                    return
                await unless(stop, asyncio.sleep(AGAIN_SECONDS))

    async def _publish(self, stream: JetStreamContext, tenant: str, lane: str) -> None:
        subject = f"{self._name}.wake.{subject_word(tenant)}.{subject_word(lane)}"
        try:
            await stream.publish(subject, stream=self._stream)
        except nats.errors.Error:
            # also where the server has forgotten its stream, which a worker makes again
            self._out.committed(tenant, {lane: milliseconds() + AGAIN_MILLISECONDS})


class _Publishing:
    """A thread with an event loop, so that wakes may be told in any thread and nobody waits for the server."""

    def __init__(self, wake: NatsWake) -> None:
        self._wake = wake
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="pushdsl wakes", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._wake.publish_all(self._stop))

    def end(self) -> None:
        with suppress(RuntimeError):  # has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(CLOSE_SECONDS)


async def _next(wakes: JetStreamContext.PullSubscription) -> Msg:
    while True:
        try:
            return (await wakes.fetch(1, FETCH_SECONDS))[0]
        except TimeoutError:  # nothing came, or nothing is there that could
            await wakes.consumer_info()


async def _begin(message: Msg, turns: Turns) -> None:
    with suppress(nats.errors.Error):  # it comes once more then
        await message.ack()
    tenant, lane = message.subject.split(".")[-2:]
    await turns.take(read_word(tenant), read_word(lane))


async def _told(error: Exception) -> None:
    """The client tells of each try to come back; one that lasts is seen by what it stops."""


async def _close(client: Client) -> None:
    with suppress(Exception):  # whatever a connection that is lost says at its end
        await client.close()


def subject_word(name: str) -> str:
    """A name as one word of a subject; the empty one has a word too."""
    return re.sub(r"[.~*]", lambda found: f"%{ord(found[0]):02X}", quote(name, safe="")) or "%"


def read_word(word: str) -> str:
    return "" if word == "%" else unquote(word)
