"""What every sandbox does at its admin address, whatever the platform."""

import asyncio
from collections.abc import Iterable

import aiohttp
import pytest
from aiohttp import web

from pushdsl.plugins.platform import Shown
from pushdsl.plugins.sandbox import SandboxServer


class Stall(SandboxServer):
    """One store with five mugs, and no platform's addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.mugs = Shown("MUG", "", 5)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return ()

    def shown(self, store: str) -> list[Shown]:
        return [self.mugs]

    def show(self, store: str, shown: Shown) -> None:
        self.mugs = shown


def ordered(pieces: object) -> tuple[int, dict[str, object], int]:
    """The status and the body of the answer, and how many mugs are left."""

    async def go() -> tuple[int, dict[str, object], int]:
        stall = Stall()
        url = await stall.start()
        try:
            order = {"store": "stall", "store_sku": "MUG", "pieces": pieces}
            async with aiohttp.ClientSession() as http, http.post(f"{url}/sandbox/orders", json=order) as answer:
                return answer.status, await answer.json(), stall.mugs.quantity
        finally:
            await stall.stop()

    return asyncio.run(go())


def test_an_order_takes_its_pieces() -> None:
    assert ordered(2) == (200, {"messages": 0, "answers": []}, 3)


@pytest.mark.parametrize("pieces", [-1, 0, 1.5, 1.0, True, "2", None, [2]], ids=repr)
def test_an_order_of_anything_but_a_whole_number_from_1_is_refused(pieces: object) -> None:
    assert ordered(pieces) == (400, {"error": "`pieces` is not a whole number from 1"}, 5)


def test_an_order_of_more_than_there_is_is_refused() -> None:
    assert ordered(6) == (400, {"error": "`stall` does not show 6 of `MUG`"}, 5)
