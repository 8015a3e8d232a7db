"""What is particular to wakes through NATS."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wakes.conftest import Nats, delete_stream, working
from tests.wakes.test_engines import Seen

from pushdsl.errors import PushdslError
from pushdsl.wakes import nats as engine

NAMES = st.text(st.characters(codec="utf-8"), max_size=40)


@given(NAMES, NAMES)
def test_any_name_is_one_word_of_a_subject_and_comes_back(one: str, other: str) -> None:
    word = engine.subject_word(one)

    assert word
    assert word.isascii()
    assert not set(word) & set(" .*>\t\r\n")
    assert engine.read_word(word) == one
    assert (word == engine.subject_word(other)) == (one == other)


def test_a_server_that_does_not_answer_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.05)
    wake = engine.NatsWake("nats://anna:hunter2@127.0.0.1:1/shop")

    with pytest.raises(PushdslError) as raised:
        asyncio.run(wake.run(Seen(), asyncio.Event()))

    assert raised.value.message == "NATS does not answer at `127.0.0.1:1`, or has no JetStream"


def test_whoever_writes_does_not_wait_for_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.05)
    wake = engine.NatsWake("nats://127.0.0.1:1")
    wake.committed("", {"a": 0})
    wake.close()


def test_a_server_that_forgot_everything_is_set_up_again(nats: Nats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(engine, "AGAIN_MILLISECONDS", 50)
    monkeypatch.setattr(engine, "FETCH_SECONDS", 0.2)
    server, _, name = nats.url.rpartition("/")

    async def go() -> list[str]:
        seen, wake = Seen(), nats.another()
        async with working(wake, seen):
            await asyncio.to_thread(nats.write, wake, "a")
            await seen.begun("a")
            assert await delete_stream(server, name)
            await asyncio.to_thread(nats.write, wake, "b")
            await seen.begun("b")
        return seen.lanes

    assert asyncio.run(go()) == ["a", "b"]


def test_a_wake_waits_in_the_server_for_the_worker_to_come_and_once_only(nats: Nats) -> None:
    async def go() -> list[str]:
        seen, writer = Seen(), nats.another()
        for _ in range(5):
            await asyncio.to_thread(nats.write, writer, "a")
            await asyncio.to_thread(nats.settle, writer)
        async with working(nats.another(), seen):
            await seen.begun("a")
            await asyncio.to_thread(nats.write, writer, "b")
            await seen.begun("b")
        return seen.lanes

    assert asyncio.run(go()) == ["a", "b"]
