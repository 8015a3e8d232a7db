"""Stores and their listings in; running local shops on free ports, and the settings to reach them, out."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from pushdsl.applying import live_of
from pushdsl.errors import PushdslError
from pushdsl.model import Facts, Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import ListingRef, Sandbox, Shown

T = TypeVar("T")


class LocalShops:
    """The sandboxes of some platforms on an event loop of their own, so that a command can push to them meanwhile."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local shops", daemon=True)
        self._thread.start()
        self.sandboxes: dict[str, Sandbox] = {}
        self.addresses: dict[str, str] = {}

    def start(self, platforms: InstalledPlatforms, name: str, port: int = 0) -> Sandbox:
        """The running sandbox of this platform; port 0 picks a free one."""
        if name not in self.sandboxes:
            sandbox = platforms.get(name).platform.sandbox()
            try:
                self.addresses[name] = self._run(sandbox.start("127.0.0.1", port))
            except OSError as error:
                raise PushdslError(
                    f"cannot listen on port {port}: {error.strerror}", "choose another `--port`"
                ) from None
            self.sandboxes[name] = sandbox
        return self.sandboxes[name]

    def stop(self) -> None:
        for sandbox in self.sandboxes.values():
            self._run(sandbox.stop())
        self._run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def do(self, work: Callable[[], T]) -> T:
        """Does something to the shops between two of their answers."""

        async def done() -> T:
            return work()

        return self._run(done())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)


async def _cancel_others() -> None:
    """Answers that were still to come, to callers who have gone."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def local_shops() -> Iterator[LocalShops]:
    shops = LocalShops()
    try:
        yield shops
    finally:
        shops.stop()


def open_shops(
    shops: LocalShops, platforms: InstalledPlatforms, stores: Mapping[str, Store], facts: Facts
) -> dict[str, dict[str, object]]:
    """A shop for every store with its listings of the facts, showing what is known; returns settings by account."""
    listings = listing_refs(facts)
    accounts = {}
    for store in stores.values():
        sandbox = shops.start(platforms, store.platform)
        accounts[store.account] = sandbox.open_shop(store, listings.get(store.name, ()), 0)
    for key, live in live_of(facts):
        if live.quantity is not None and (known := stores.get(key.store)) is not None:
            shown = Shown(key.store_sku, key.location, live.quantity, live.reserved, live.mode, live.days)
            shops.sandboxes[known.platform].show(known.name, shown)
    return accounts


def listing_refs(facts: Facts) -> dict[str, list[ListingRef]]:
    """Every listing of the facts, by store."""
    columns = facts.listings
    refs: dict[str, list[ListingRef]] = {store: [] for store in facts.stores}
    rows = zip(columns.store.tolist(), columns.store_sku, columns.item_id, columns.variant_id, strict=True)
    for store, store_sku, item_id, variant_id in rows:
        refs[facts.stores[store]].append(ListingRef(store_sku, item_id, variant_id))
    return refs


def settings_lines(account: str, settings: Mapping[str, object]) -> Iterator[str]:
    """The settings of one account as they stand in `pushdsl.toml`."""
    yield f"[accounts.{account}]"
    for key, value in settings.items():
        # A JSON string, number or truth is written the same way in TOML.
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}"


def sample(name: str) -> tuple[Store, Sequence[ListingRef]]:
    """A small shop to try a platform with."""
    store = Store(name=f"{name}_sample", platform=name, account=f"{name}_sample", region="MY")
    return store, [ListingRef("SAMPLE-1", "1001", "2001"), ListingRef("SAMPLE-2", "1001", "2002")]
