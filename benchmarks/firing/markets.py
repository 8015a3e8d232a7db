"""The local Shopee, Lazada, TikTok Shop and Shopify, failing as often as wanted, and what they were seen to show.

They live in the process of the campaign. What lands is seen by looking every few milliseconds, so a quantity that stood
for less than that is not counted.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pushdsl.cli.local_shops import LocalShops, open_shops, settings_lines
from pushdsl.cycle import open_project, read_inputs
from pushdsl.plugins.platform import Fault
from pushdsl.plugins.sandbox import SandboxServer

PLATFORMS = ("shopee", "lazada", "tiktok", "shopify")
KINDS: tuple[Fault, ...] = (
    "throttle", "server_error", "malformed", "drop_before", "drop_after", "expired_token", "refuse_row",
    "promotion_lock", "slow",
)  # fmt: skip
"""All but `promotion_begins`, after which another quantity than the rule's is right."""
LOOK_SECONDS = 0.02


class Markets:
    """A shop on each platform; `share` is the part of all stock calls that fails, in one of all ways."""

    url = ""

    def __init__(self, folder: Path, seed: int, share: float) -> None:
        self.met: Counter[str] = Counter()
        self._share, self._random = share, random.Random(seed)
        self._shops = LocalShops()
        project = open_project([folder])
        inputs = read_inputs(project, recorded=False)
        self._stores = {name: store.platform for name, store in inputs.rules.stores.items()}
        accounts = open_shops(self._shops, project.platforms, inputs.rules.stores, inputs.facts)
        lines = ['[record]\ntokens = "clear"\n']
        for account, settings in accounts.items():
            lines += settings_lines(account, settings)
            lines.append(f"[accounts.{account}.capabilities]\nrequests_per_second = 1000\n")
        (folder / "pushdsl.toml").write_text("\n".join(lines), "utf-8")
        self._calm: list[Callable[[], None]] = []
        for sandbox in self._shops.sandboxes.values():
            assert isinstance(sandbox, SandboxServer)
            sandbox.bear_any_rate()
            self._inject(sandbox)
        self._landed: dict[str, dict[str, list[tuple[float, int]]]] = defaultdict(lambda: defaultdict(list))
        self._stop = threading.Event()
        self._looking = threading.Thread(target=self._look_often, daemon=True)
        self._looking.start()

    def _inject(self, sandbox: Any) -> None:  # Any: a method of it is replaced
        real = sandbox.next_fault

        def next_fault() -> Fault | None:
            if self._random.random() < self._share:
                fault = self._random.choice(KINDS)
                self.met[fault] += 1
                sandbox.fail(fault)
            found: Fault | None = real()
            return found

        def calm() -> None:
            sandbox.next_fault = real
            sandbox._faults.clear()

        sandbox.next_fault = next_fault
        self._calm.append(calm)

    def calm(self) -> None:
        for each in self._calm:
            each()

    def _look_often(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for store, platform in self._stores.items():
                with suppress(RuntimeError):  # it changes meanwhile
                    self._look(store, self._shops.sandboxes[platform].shown(store))

    def _look(self, store: str, shown: Sequence[Any]) -> None:
        now = time.time()
        for row in shown:
            landings = self._landed[store][row.store_sku]
            before = landings[-1][1] if landings else 0  # as each listing begins
            if row.quantity != before:
                landings.append((now, row.quantity))

    def history(self) -> dict[str, Any]:
        time.sleep(2 * LOOK_SECONDS)
        calls = sum(sandbox.calls for sandbox in self._shops.sandboxes.values())
        return {"landed": self._landed, "calls": calls, "met": dict(self.met)}

    def close(self) -> None:
        self._stop.set()
        self._looking.join()
        self._shops.stop()
