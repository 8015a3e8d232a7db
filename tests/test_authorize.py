"""A seller lets the app in, and the tokens serve every later push; against the sandboxes, from the command line."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from pushdsl.authorizing import _kept, _refuse_another_shop, answer_in, ask, authorize
from pushdsl.cli import main
from pushdsl.cli.authorize import _waited_for
from pushdsl.cli.local_shops import LocalShops, local_shops, settings_lines
from pushdsl.cycle import open_project
from pushdsl.errors import PushdslError, SettingsError
from pushdsl.model import Location, Store
from pushdsl.pacing import Pace
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import Grant, ListingRef
from pushdsl.reaching import reach
from pushdsl.settings import MissingVariable, Settings
from pushdsl.store import open_store
from pushdsl.tokens import Held, NoSeal, RecordVault, new_key

RULES = """\
push edition 1

warehouse kl

store shop on {platform} {{
  region "ID"
}}

rule "All" {{
  for everything
  to shop
  take kl
}}
"""
TOKENS = {"access_token", "refresh_token"}
GRANTED = {"shopee": {"shop_id"}, "lazada": set(), "tiktok": {"shop_cipher"}, "shopify": set()}
PLATFORMS = sorted(set(GRANTED) & set(InstalledPlatforms().names))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def seller_agrees(link: str) -> str:
    """The address that the seller's browser is sent to."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.build_opener(NoRedirect).open(link, timeout=10)
    assert answer.value.code == 302, answer.value.read()
    return str(answer.value.headers["Location"])


@contextmanager
def open_shop(folder: Path, platform: str, granted: set[str]) -> Iterator[LocalShops]:
    """A project with one listing, whose settings lack what only the seller can grant."""
    (folder / "facts").mkdir()
    (folder / "rules.push").write_text(RULES.format(platform=platform))
    (folder / "facts" / "stock.csv").write_text("warehouse,sku,on_hand\nkl,MUG,7\n")
    (folder / "facts" / "listings.csv").write_text("store,store_sku,item_id,variant_id,sku\nshop,MUG-S,1000,2001,MUG\n")
    with local_shops() as shops:
        sandbox = shops.start(InstalledPlatforms(), platform)
        given = sandbox.open_shop(Store("shop", platform, "shop", "ID"), [ListingRef("MUG-S", "1000", "2001")])
        kept = {key: value for key, value in given.items() if key not in granted}
        lines = [f'[record]\ntoken_key = "{new_key()}"\n', *settings_lines("shop", kept)]
        lines += ["", "[accounts.shop.capabilities]", "requests_per_second = 1000"]
        (folder / "pushdsl.toml").write_text("\n".join(lines) + "\n")
        yield shops


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_shop_is_let_in_and_pushed_to_and_its_tokens_renew_themselves(
    platform: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(folder, platform, TOKENS | GRANTED[platform]) as shops:
        assert main(["apply"]) == 1
        assert "pushdsl authorize shop" in capsys.readouterr().err

        class Browser(StringIO):
            def readline(self, *_: object) -> str:  # type: ignore[override]
                link = next(line.strip() for line in capsys.readouterr().out.splitlines() if "http" in line[:8])
                return seller_agrees(link) + "\n"

        monkeypatch.setattr("sys.stdin", Browser())
        assert main(["authorize", "shop", "--redirect", "https://erp.example.com/back"]) == 0
        said = capsys.readouterr().out
        assert "`shop` is let in" in said

        assert main(["apply"]) == 0
        sandbox = shops.sandboxes[platform]
        assert [row.quantity for row in sandbox.shown("shop")] == [7]
        sandbox.expire_tokens("shop")
        (folder / "facts" / "stock.csv").write_text("warehouse,sku,on_hand\nkl,MUG,9\n")
        assert main(["apply"]) == 0
        assert [row.quantity for row in sandbox.shown("shop")] == [9]
        assert sandbox.refreshes == 1
        assert main(["reconcile", "shop", "--json"]) == 0
        assert sandbox.refreshes == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_locations_are_listed_beside_what_the_rules_map(
    platform: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_shop(folder, platform, set()):
        assert main(["locations", "shop", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert said["problems"] == []
    assert len(said["locations"]) <= 1


def test_an_answer_to_another_link_is_refused() -> None:
    with pytest.raises(PushdslError, match="not the answer"):
        answer_in("https://erp.example.com/back?code=1&state=forged", "asked for")
    assert answer_in(" https://erp.example.com/back?code=1&state=asked+for\n", "asked for")["code"] == "1"


def test_a_platform_without_tokens_needs_no_seller(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rules.push").write_text(RULES.format(platform="simulated"))

    assert main(["authorize", "shop"]) == 1
    assert "has no tokens that run out" in capsys.readouterr().err


def test_without_a_key_nobody_is_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rules.push").write_text(RULES.format(platform="shopee"))

    assert main(["authorize", "shop"]) == 1
    assert "--new-key" in capsys.readouterr().err


def test_what_the_rules_map_must_be_there_and_active() -> None:
    from pushdsl.locating import mapped
    from pushdsl.plugins.platform import ShopLocation

    store = Store("shop", "shopee", "shop", locations=(Location("IDZ", ("kl",)), Location("IDX", ("kl", "jb"))))

    located = mapped(store, [ShopLocation("IDZ", "Jakarta", active=False), ShopLocation("IDY", "Surabaya")])

    assert located.places[0].fed_by == ("kl",)
    assert [problem.split(",")[0] for problem in located.problems] == [
        "the rules map `IDZ`",
        "the rules map `IDX`",
    ]
    assert "not active" in located.problems[0]
    assert "did you mean" in located.problems[1]
    assert mapped(Store("shop", "shopee", "shop"), [ShopLocation("A"), ShopLocation("B")]).problems
    assert not mapped(Store("shop", "shopee", "shop"), [ShopLocation("A")]).problems


def test_consent_for_another_shop_than_the_file_names_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(folder, "shopee", TOKENS):
        settings = (folder / "pushdsl.toml").read_text()
        (folder / "pushdsl.toml").write_text(settings.replace("shop_id = ", "shop_id = 9"))
        project = open_project([])
        store = Store("shop", "shopee", "shop", "ID")
        back = seller_agrees(ask(project, store, "https://erp.example.com/back").link)

        with pytest.raises(PushdslError, match="another shop: its `shop_id`"):
            authorize(project, store, dict(parse_qsl(urlsplit(back).query)))


@pytest.mark.parametrize("field", ["shop_id", "shop_cipher", "session"])
def test_what_the_file_says_of_another_shop_is_repeated_only_where_it_is_an_id(tmp_path: Path, field: str) -> None:
    accounts: Mapping[str, Mapping[str, object]] = {"shop": {field: "canary-of-the-file"}}
    project = replace(open_project([_rules(tmp_path)]), settings=Settings(tmp_path, accounts=accounts))

    with pytest.raises(PushdslError, match=f"another shop: its `{field}`") as raised:
        _refuse_another_shop(project, Store("shop", "shopee", "shop", "ID"), Grant({field: "canary-that-is-granted"}))

    assert str(raised.value).count("canary") == (2 if field == "shop_id" else 0)
    assert f"`{field}`" in str(raised.value.help)


def test_a_shop_that_an_absent_variable_names_is_not_called_another_one(tmp_path: Path) -> None:
    accounts: Mapping[str, Mapping[str, object]] = {"shop": {"shop_id": MissingVariable("SHOP_ID")}}
    project = replace(open_project([_rules(tmp_path)]), settings=Settings(tmp_path, accounts=accounts))

    with pytest.raises(SettingsError, match="`SHOP_ID`, which the environment does not have"):
        _refuse_another_shop(project, Store("shop", "shopee", "shop", "ID"), Grant({"shop_id": "1"}))


def test_two_stores_of_one_shop_with_one_inventory_are_refused(folder: Path) -> None:
    """TikTok Shop and Tokopedia of one shop: each store would overwrite what the other set."""
    app = {"app_key": "29a39d", "app_secret": "app-secret-1", "access_token": "access-token-1"}
    stores = [Store("a", "tiktok", "a", "ID"), Store("b", "tokopedia", "b", "ID")]
    platforms = InstalledPlatforms()
    limits = {store.name: platforms.capabilities(store) for store in stores}

    def reached(cipher: str) -> list[str]:
        accounts = {"a": {**app, "shop_cipher": "ROW_xyz"}, "b": {**app, "shop_cipher": cipher}}
        with open_store(f"sqlite:///{folder}/record.db") as record:
            return list(reach(Settings(folder, accounts=accounts), platforms, stores, limits, record))

    assert reached("ROW_other") == ["a", "b"]
    with pytest.raises(SettingsError, match="are one shop"):
        reached("ROW_xyz")


def test_a_call_with_another_state_does_not_end_the_waiting(unused_port: int) -> None:
    """Any page in the browser can call an address of this machine."""

    async def go() -> str:
        waiting = asyncio.create_task(_waited_for("127.0.0.1", unused_port, "ours"))
        async with aiohttp.ClientSession() as http:
            for query in ("x=1", "state=theirs&code=1", "state=ours&code=2"):
                for _ in range(100):
                    try:
                        await (await http.get(f"http://127.0.0.1:{unused_port}/?{query}")).read()
                        break
                    except aiohttp.ClientConnectorError:
                        await asyncio.sleep(0)
        return await waiting

    assert asyncio.run(go()).endswith("/?state=ours&code=2")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_consent_is_kept_after_a_renewal_that_is_under_way_and_not_before(tmp_path: Path) -> None:
    """The renewal answers with tokens of the old consent; kept last, they would take the new one's place."""
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    waits = 0
    store = Store("shop", "shopee", "shop", "ID")
    project = replace(open_project([_rules(tmp_path)]), settings=Settings(tmp_path))
    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = RecordVault(record, NoSeal())
        assert vault.claim("shop", 0, at)

        async def sleep(_: float) -> None:
            nonlocal waits
            waits += 1
            vault.keep("shop", Held({"access_token": "renewed"}, None, None, 1, ""), at)

        pace = Pace(lambda: at, sleep)
        kept = asyncio.run(_kept(project, store, Grant({"access_token": "consented"}), vault, pace))
        held = vault.load("shop")

    assert waits == 1
    assert held == kept
    assert (kept.version, kept.settings) == (2, {"access_token": "consented"})


def test_a_consent_is_kept_though_a_renewal_that_outlasted_its_claim_was_first(tmp_path: Path) -> None:
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    store = Store("shop", "shopee", "shop", "ID")
    project = replace(open_project([_rules(tmp_path)]), settings=Settings(tmp_path))
    late = [Held({"access_token": "renewed"}, None, None, 1, "")]

    class Overtaken(RecordVault):
        def keep(self, account: str, held: Held, now: datetime) -> bool:
            if late:
                super().keep(account, late.pop(), now)
            return super().keep(account, held, now)

    with open_store(f"sqlite:///{tmp_path}/record.db") as record:
        vault = Overtaken(record, NoSeal())
        grant = Grant({"access_token": "consented"})
        kept = asyncio.run(_kept(project, store, grant, vault, Pace(lambda: at)))
        held = vault.load("shop")

    assert held == kept
    assert (kept.version, kept.settings) == (2, {"access_token": "consented"})


def _rules(folder: Path) -> Path:
    (folder / "rules.push").write_text(RULES.format(platform="shopee"))
    return folder / "rules.push"


def test_a_plugin_that_fails_to_exchange_tells_no_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_shop(folder, "shopee", TOKENS):
        project = open_project([])
        platform = project.platforms.get("shopee").platform

        async def broken(*_: object) -> Grant:
            raise RuntimeError("POST /token?code=code-canary")

        monkeypatch.setattr(type(platform.authorization), "exchange", broken)
        with pytest.raises(PushdslError, match="failed with RuntimeError") as raised:
            authorize(project, Store("shop", "shopee", "shop", "ID"), {"code": "code-canary"})
    assert "canary" not in f"{raised.value} {raised.value.__cause__!r}"
