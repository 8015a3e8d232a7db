"""How a person is told: by a program or an address, once for each incident, and again after a failure."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from pushdsl.alerting import Alerts, Channel, address, alerts, command
from pushdsl.errors import PushdslError
from pushdsl.run_settings import RunSettings
from pushdsl.standings import Limits, Standing
from pushdsl.store import WorkSummary

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WELL = Standing("", WorkSummary((), 0, None, 0))
OFF = Standing("", WorkSummary((), 0, None, 0), held_up="pushing is switched off")
SAID = {"format": "pushdsl.alert/1", "text": "Läden"}


class Person:
    """Hears alerts, unless busy."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, object]] = []
        self.busy = False

    async def tell(self, said: Mapping[str, object]) -> None:
        if self.busy:
            raise PushdslError("nobody there", "")
        self.heard.append(said)

    @property
    def states(self) -> list[object]:
        return [said["state"] for said in self.heard]


def check(person: Person, *looks: Standing, alerting: Alerts | None = None) -> Alerts:
    alerting = alerting or Alerts(Limits(900), [Channel(person.tell)])
    for standing in looks:
        asyncio.run(alerting.check([standing], NOON))
    return alerting


def test_an_alert_says_what_began_and_when() -> None:
    person = Person()

    check(person, OFF, OFF, WELL, WELL)

    assert person.states == ["begun", "over"]
    assert person.heard[0] == {
        "format": "pushdsl.alert/1", "kind": "held_up", "state": "begun", "at": "2026-05-04T12:00:00Z", "tenant": "",
        "store": "", "text": "nothing is pushed: pushing is switched off", "since": None,
    }  # fmt: skip


def test_an_alert_that_failed_is_logged_and_told_at_the_next_check(caplog: pytest.LogCaptureFixture) -> None:
    person = Person()
    person.busy = True

    with caplog.at_level(logging.ERROR, "pushdsl.run"):
        alerting = check(person, OFF)
    person.busy = False
    check(person, OFF, OFF, alerting=alerting)

    assert [record.getMessage() for record in caplog.records] == ["nobody there"]
    assert person.states == ["begun"]


def test_one_channel_that_fails_does_not_keep_the_other_back() -> None:
    person, busy = Person(), Person()
    busy.busy = True

    alerting = Alerts(Limits(900), [Channel(busy.tell), Channel(person.tell)])
    check(person, OFF, OFF, alerting=alerting)

    assert (person.states, busy.states) == (["begun"], [])


class TestCommand:
    def run(self, *code: str, seconds: float = 20) -> None:
        asyncio.run(command([sys.executable, "-c", *code], seconds)(SAID))

    def test_a_program_is_given_the_alert_on_its_standard_input(self, tmp_path: Path) -> None:
        heard = tmp_path / "heard"

        self.run("import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())", str(heard))

        assert json.loads(heard.read_text("utf-8")) == SAID

    def test_a_program_need_not_read(self) -> None:
        self.run("pass")

    def test_a_program_that_fails_is_told_with_its_code(self) -> None:
        with pytest.raises(PushdslError, match="ended with 3"):
            self.run("raise SystemExit(3)")

    def test_a_program_that_does_not_end_is_ended(self, tmp_path: Path) -> None:
        """It says its number before it sleeps, so the test knows whom to look for."""
        number = tmp_path / "number"
        code = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"

        async def main() -> None:
            told = asyncio.ensure_future(command([sys.executable, "-c", code, str(number)], 600)(SAID))
            while not (number.exists() and number.read_text("utf-8")):
                await asyncio.sleep(0.01)
            told.cancel()
            with pytest.raises(asyncio.CancelledError):
                await told

        asyncio.run(main())

        with pytest.raises(ProcessLookupError):
            os.kill(int(number.read_text("utf-8")), 0)

    def test_the_time_limit_is_kept(self) -> None:
        with pytest.raises(PushdslError, match=r"did not end within 0\.05 seconds"):
            self.run("import time; time.sleep(600)", seconds=0.05)

    def test_a_program_that_is_not_there_is_named_and_its_arguments_are_not(self) -> None:
        with pytest.raises(PushdslError, match="`no-such-program` cannot be run") as said:
            asyncio.run(command(["no-such-program", "--token=hunter2"])(SAID))

        assert "hunter2" not in f"{said.value.message} {said.value.help}"


class TestAddress:
    def post(self, status: int) -> list[object]:
        heard: list[object] = []

        async def hear(request: web.Request) -> web.Response:
            heard.append(await request.json())
            return web.Response(status=status, headers={"Location": "/elsewhere"})

        async def main() -> None:
            app = web.Application()
            app.router.add_post("/hook/hunter2", hear)
            async with TestServer(app) as server, aiohttp.ClientSession() as http:
                await address(str(server.make_url("/hook/hunter2")), http)(SAID)

        asyncio.run(main())
        return heard

    def test_an_address_is_sent_the_alert(self) -> None:
        assert self.post(204) == [SAID]

    @pytest.mark.parametrize("status", [302, 404, 500])
    def test_an_address_that_does_not_take_it_is_told_without_what_it_is(self, status: int) -> None:
        with pytest.raises(PushdslError, match=f"`alert_url` answered with {status}") as said:
            self.post(status)

        assert "hunter2" not in f"{said.value.message} {said.value.help}"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/hunter2", "hunter2", "http://[hunter2"])
    def test_an_address_that_is_none_or_does_not_answer(self, url: str) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as http:
                await address(url, http)(SAID)

        with pytest.raises(PushdslError, match="`alert_url` cannot be reached") as said:
            asyncio.run(main())

        assert "hunter2" not in f"{said.value.message} {said.value.help}"


def test_settings_without_a_program_and_an_address_tell_nobody() -> None:
    assert alerts(RunSettings()).channels == []
    assert len(alerts(RunSettings(alert_command=("notify",))).channels) == 1
