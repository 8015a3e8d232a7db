"""Orders of another day against local stores: what stores sell, refuse and oversell, and what they show at the end."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from tests.shop import SIMULATED, edit_file, make_project

HEAD = "invoice,sku,quantity,at,customer"
NO_KEEP_BACK = SIMULATED.replace("  keep back 2 units\n", "")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_project(tmp_path / "shop", SIMULATED)


def orders(shop: Path, *lines: str) -> str:
    path = shop / "orders.csv"
    path.write_text("\n".join([HEAD, *lines]) + "\n", "utf-8")
    return str(path)


def busy_day(lines: int = 300) -> list[str]:
    """Invoices of five lines, one every 20 seconds; some are taken back, and some pieces break."""
    rng, made = random.Random(7), list[str]()
    for k in range(lines):
        invoice, seconds = 5000 + k // 5, 20 * (k // 5)
        at = f"2011-03-01T09:{seconds // 60:02d}:{seconds % 60:02d}"
        sku = f"MUG-{rng.randrange(13):02d}"
        match k % 25:
            case 19:
                made.append(f"C{invoice},{sku},-1,{at},{k % 4}")
            case 23:
                made.append(f"{invoice},{sku},-1,{at},")
            case _:
                made.append(f"{invoice},{sku},{1 + rng.randrange(3)},{at},{k % 4}")
    return made


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """The figures, one object for each set of rules."""
    assert main(["replay", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def steady(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "seconds"}


def test_three_hundred_orders_end_with_every_store_showing_the_plan(
    shop: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    assert main(["replay", orders(shop, *busy_day()), str(shop)]) == 0

    assert re.sub(r"(triggers a second of work) +[\d,]+", r"\1 …", capsys.readouterr().out) == snapshot


def test_the_same_orders_give_the_same_figures(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = orders(shop, *busy_day(100))

    [first], [second] = replayed(capsys, path, str(shop)), replayed(capsys, path, str(shop))
    assert steady(first) == steady(second)
    assert first["sales"]["sold"] > 0


def test_nothing_is_written_into_the_project(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = orders(shop, "1,MUG-00,1,2011-03-01T09:00:00,7")
    before = sorted(file for file in shop.rglob("*"))

    replayed(capsys, path, str(shop))
    assert sorted(file for file in shop.rglob("*")) == before


def test_stores_sell_the_last_piece_twice_until_our_stock_hears_of_it(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_file(shop / "rules.push", "  keep back 2 units\n", "")
    lines = [f"{k},MUG-00,10,2011-03-01T09:0{k}:00,7" for k in range(10)]
    path = orders(shop, *lines)

    [late] = replayed(capsys, path, str(shop), "--delay", "900")
    [soon] = replayed(capsys, path, str(shop), "--delay", "1")
    assert late["sales"] | {"sold": 3, "sold_units": 30, "oversold": 2, "oversold_units": 20} == late["sales"]
    assert soon["sales"] | {"sold": 1, "sold_units": 10, "refused": 9, "oversold": 0} == soon["sales"]


def test_pieces_kept_back_are_what_is_left_when_several_stores_sell_at_once(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shop / "all.rules"
    other.write_text(NO_KEEP_BACK, "utf-8")
    edit_file(shop / "rules.push", "keep back 2 units", "keep back 6 units")
    path = orders(shop, *(f"{k},MUG-00,2,2011-03-01T09:00:0{k},7" for k in range(10)))

    kept, all_of_it = replayed(capsys, path, str(shop), "--against", str(other))
    assert kept["sales"]["oversold_units"] < all_of_it["sales"]["oversold_units"]
    assert [kept["rules"], all_of_it["rules"]] == ["shop", "all.rules"]


def test_what_is_taken_back_is_sold_again(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sold_out = "1,MUG-00,8,2011-03-01T09:00:00,7"
    again = "3,MUG-00,8,2011-03-01T09:20:00,9"

    [refused] = replayed(capsys, orders(shop, sold_out, again), str(shop))
    [sold] = replayed(capsys, orders(shop, sold_out, "C2,MUG-00,-8,2011-03-01T09:10:00,7", again), str(shop))
    [other_buyer] = replayed(capsys, orders(shop, sold_out, "C2,MUG-00,-8,2011-03-01T09:10:00,6", again), str(shop))
    assert [one["sales"]["sold"] for one in (refused, sold, other_buyer)] == [1, 2, 1]
    assert [one["sales"]["taken_back"] for one in (refused, sold, other_buyer)] == [0, 1, 0]


def test_a_confirmed_push_comes_a_window_after_our_stock_heard(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "pushdsl.toml").write_text("[run]\nwindow = 3\n", "utf-8")

    [played] = replayed(capsys, orders(shop, "1,MUG-00,1,2011-03-01T09:00:00,7"), str(shop), "--delay", "30")
    assert (played["latency_p50"], played["latency_p99"]) == (3.0, 3.0)
    assert (played["events"], played["pushed"], played["failed"]) == (1, 3, 0)


def test_what_sold_without_changing_the_plan_is_filled_up_when_the_stores_are_read(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_file(shop / "rules.push", "keep back 2 units", "at most 5 units")

    [played] = replayed(capsys, orders(shop, "1,MUG-00,1,2011-03-01T09:00:00,7"), str(shop))
    assert (played["corrected"], played["pushed"]) == (1, 1)
    assert played["shown"] == {"cells": 36, "right": 36, "held": 0}


def test_orders_may_be_played_faster_than_they_were(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = orders(shop, *busy_day(50))

    [played] = replayed(capsys, path, str(shop), "--speed", "1000", "--delay", "1")
    assert played["shown"] == {"cells": 36, "right": 36, "held": 0}
    assert played["sales"]["orders"] == 46
    assert played["seconds"] < 20


def test_a_play_on_postgresql_gives_the_same_figures_and_its_record_is_kept(
    shop: Path, on_postgresql: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    path, url = orders(shop, *busy_day(60)), on_postgresql()

    in_a_file, on_a_server = replayed(capsys, path, str(shop)), replayed(capsys, path, str(shop), "--record", url)

    assert [steady(one) for one in on_a_server] == [steady(one) for one in in_a_file]
    assert main(["replay", path, str(shop), "--record", url]) == 1
    assert "holds something already" in capsys.readouterr().err


def test_orders_are_read_from_parquet_too(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "orders.parquet"
    pl.read_csv(orders(shop, *busy_day(50)), try_parse_dates=True).write_parquet(path)

    [from_csv], [played] = replayed(capsys, str(shop / "orders.csv"), str(shop)), replayed(capsys, str(path), str(shop))
    assert steady(played) == steady(from_csv)


def test_only_the_orders_of_a_time_are_played(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = orders(shop, *(f"{k},MUG-05,1,2011-03-0{k}T09:00:00,7" for k in (1, 2, 3)))

    [played] = replayed(capsys, path, str(shop), "--from", "2011-03-02T00:00:00Z", "--to", "2011-03-03T00:00:00Z")
    assert played["sales"]["orders"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invoice,sku,at\n1,MUG-00,2011-03-01T09:00:00\n", "has no column `quantity`"),
        (f"{HEAD}\n1,MUG-00,two,2011-03-01T09:00:00,\n", "is no whole number"),
        (f"{HEAD}\n1,MUG-00,2,yesterday,\n", "row 1 of "),
        (f"{HEAD}\n", "has no order lines in that time"),
        ("", "cannot be read"),
    ],
)
def test_orders_that_cannot_be_played_are_named(
    text: str, said: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shop / "orders.csv"
    path.write_text(text, "utf-8")

    assert main(["replay", str(path), str(shop)]) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "help: " in shown
