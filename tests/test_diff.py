"""What a rule change does to the same facts: cells up, down, lost, gained, off sale; as text, Markdown and JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from pushdsl.report.markdown import COMMENT_MAX
from tests.shop import edit_file, make_project, write_facts

AT = "2026-05-04T12:00:00Z"
STORES = """push edition 1
warehouse kl
store shopee_my on shopee
store lazada_my on lazada
store tiktok_my on tiktok {
  location kl -> "WH1"
}
"""


def rule(name: str, skus: str, *statements: str, stores: str = "shopee_my") -> str:
    body = "".join(f"  {line}\n" for line in (f"for {skus}", f"to {stores}", *statements))
    return f'rule "{name}" {{\n{body}}}\n'


PREORDER = "preorder {\n    open at 5 units\n    close above 50 units\n    add 30 units\n    ship in 7 days\n  }"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MUG-00 … MUG-11 with 10, 11, … 21 in stock, listed in three stores."""
    folder = make_project(tmp_path / "shop", STORES)
    monkeypatch.chdir(folder)
    return folder


def write(shop: Path, old: str, new: str) -> None:
    (shop / "old.push").write_text(STORES + old, "utf-8")
    (shop / "new.push").write_text(STORES + new, "utf-8")
    (shop / "rules.push").unlink(missing_ok=True)


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["diff", "old.push", "new.push", "--at", AT, *arguments]) == 0
    return capsys.readouterr().out


def changes(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, object, object]]:
    """The kind of each change with the quantities before and after, by store SKU."""
    document = json.loads(diff(capsys, "--json"))
    return {
        change["store_sku"]: (
            change["change"],
            *(change[side] and change[side]["quantity"] for side in ("old", "new")),
        )
        for change in document["changes"]
    }


# ---- each kind --------------------------------------------------------------------------------------

ALL = rule("All", 'like "MUG-0?"', "take kl")


def test_a_cell_goes_up_down_or_off_sale_or_stays(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        shop,
        rule("A", '"MUG-00", "MUG-01", "MUG-02", "MUG-03"', "take kl"),
        rule("A", '"MUG-00"', "take kl", "push 200%")
        + rule("B", '"MUG-01"', "take kl", "keep back 4 units")
        + rule("C", '"MUG-02"', "take kl", "keep back 50 units")
        + rule("D", '"MUG-03"', "take kl"),
    )

    assert changes(capsys) == {"MUG-00": ("up", 10, 20), "MUG-01": ("down", 11, 7), "MUG-02": ("off_sale", 12, 0)}


def test_a_listing_that_loses_its_rule_keeps_what_it_shows_and_that_is_said_first(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_facts(shop, "live", "store,store_sku,quantity", ["shopee_my,MUG-01,8"])
    write(shop, ALL, rule("All", 'like "MUG-0?" except "MUG-01"', "take kl", "push 50%"))

    printed = diff(capsys, "--limit", "1").splitlines()

    at = printed.index("  Lost: no rule gives them a number any more. They keep what they show; nothing is pushed")
    assert printed[at - 1] == "shopee_my: 1 lost, 9 down"
    assert " ".join(printed[at + 1].split()) == (
        "MUG-01 11 → as is shows 8 today; no rule covers this listing, so not pushed [All → no rule]"
    )
    assert changes(capsys)["MUG-01"] == ("lost", 11, None)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("", "no rule covers this listing, so not pushed"),
        (rule("A", '"MUG-00"', "take kl", "disabled"), "no rule covers this listing, so not pushed"),
        (
            rule("A", '"MUG-00"', 'during "2026-11-11 00:00" to "2026-11-12 00:00" in "UTC"', "take kl"),
            "no rule covers this listing, so not pushed",
        ),
    ],
    ids=["taken out", "disabled", "out of its window"],
)
def test_a_rule_may_be_lost_in_several_ways(
    shop: Path, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, rule("A", '"MUG-00"', "take kl"), new)

    (change,) = json.loads(diff(capsys, "--json"))["changes"]
    assert (change["change"], change["new"], change["why"]) == ("lost", None, reason)


def test_a_store_that_the_new_rules_do_not_declare_loses_its_cells(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, rule("A", '"MUG-00"', "take kl"), "")
    text = (shop / "new.push").read_text("utf-8").replace("store shopee_my on shopee\n", "")
    (shop / "new.push").write_text(text, "utf-8")

    (change,) = json.loads(diff(capsys, "--json"))["changes"]
    assert (change["change"], change["why"]) == (
        "lost",
        "12 listings of store `shopee_my`, which the rules do not declare",
    )


def test_a_location_with_another_name_is_one_lost_and_one_gained(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mugs = rule("A", '"MUG-00"', "take kl", stores="tiktok_my")
    write(shop, mugs, mugs)
    edit_file(shop / "new.push", "WH1", "WH2")
    write_facts(shop, "live", "store,store_sku,location,quantity", ["tiktok_my,MUG-00,WH1,8"])

    found = json.loads(diff(capsys, "--json"))["changes"]

    assert [(c["location"], c["change"], c["live"]) for c in found] == [("WH1", "lost", 8), ("WH2", "gained", None)]
    assert found[0]["why"] == "the rules have no number for it at this location any more"


def test_facts_without_a_cell_differ_in_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(shop, "listings", "store,store_sku,item_id,variant_id,sku", [])
    write(shop, ALL, "")

    assert diff(capsys).endswith("\n0 cells: nothing\n")
    assert "no cell differs" in diff(capsys, "--format", "markdown")
    assert json.loads(diff(capsys, "--json"))["summary"]["cells"] == 0


def test_a_cell_is_gained_and_a_gained_cell_may_be_taken_off_sale(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_facts(shop, "live", "store,store_sku,quantity", ["shopee_my,MUG-01,8", "shopee_my,MUG-02,0"])
    write(shop, "", rule("A", '"MUG-00", "MUG-01", "MUG-02"', "take kl", "at most 0 units"))

    found = changes(capsys)

    assert found == {
        "MUG-00": ("gained", None, 0), "MUG-01": ("off_sale", None, 0), "MUG-02": ("gained", None, 0),
    }  # fmt: skip


def test_a_cell_becomes_blocked_or_is_no_longer(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, rising = (rule("A", '"MUG-00"', "take kl", *extra) for extra in ((), ("increase only",)))
    write(shop, plain, rising)

    assert changes(capsys) == {"MUG-00": ("blocked", 10, None)}
    assert "they keep what they show; nothing is pushed until the reason is gone" in diff(capsys)

    write(shop, rising, plain)

    assert changes(capsys) == {"MUG-00": ("unblocked", None, 10)}

    write(shop, rising, rising.replace('"A"', '"B"'))

    assert changes(capsys) == {}


def test_pre_order_that_opens_or_ships_later_is_a_change(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(shop, "stock", "warehouse,sku,on_hand", ["kl,MUG-00,3"])
    listings = "store,store_sku,item_id,variant_id,sku,preorder_days_min,preorder_days_max"
    write_facts(shop, "listings", listings, ["shopee_my,MUG-00,1,1,MUG-00,3,30"])
    none = PREORDER.replace("add 30 units", "add 0 units")
    later = none.replace("7 days", "9 days")
    write(shop, rule("A", '"MUG-00"', "take kl"), rule("A", '"MUG-00"', "take kl", none))

    assert changes(capsys) == {"MUG-00": ("preorder", 3, 3)}
    assert "pre-order opens, ships in 7 days; 3 available" in diff(capsys)

    write(shop, rule("A", '"MUG-00"', "take kl", none), rule("A", '"MUG-00"', "take kl", later))

    assert changes(capsys) == {"MUG-00": ("preorder", 3, 3)}
    assert "pre-order, ships in 9 days; 3 available" in diff(capsys)

    write(shop, rule("A", '"MUG-00"', "take kl", PREORDER), rule("A", '"MUG-00"', "take kl"))

    assert changes(capsys) == {"MUG-00": ("down", 33, 3)}
    assert "  pre-order closes on 1\n" in diff(capsys)


def test_a_push_that_will_wait_is_a_change(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(shop, "live", "store,store_sku,quantity,confirmed_at", ["shopee_my,MUG-00,9,2026-05-04T11:00:00Z"])
    plain = rule("A", '"MUG-00"', "take kl")
    slow = rule("A", '"MUG-00"', "take kl", "above 1 unit every 12 hours")
    write(shop, plain, slow)

    assert changes(capsys) == {"MUG-00": ("held", 10, 10)}
    assert "  now held: 1\n" in diff(capsys)

    write(shop, slow, plain)

    assert changes(capsys) == {"MUG-00": ("released", 10, 10)}


# ---- all together -----------------------------------------------------------------------------------

OPENS_EARLY = rule("Old pre-order", '"MUG-00"', "take kl", PREORDER.replace("at 5", "at 10"))
OLD = rule("Mugs", 'like "MUG-*" except "MUG-11"', "take kl", stores="all stores") + OPENS_EARLY.replace(
    " {\n", ' overrides "Mugs" {\n', 1
)
NEW = rule(
    "Mugs", 'like "MUG-*" except "MUG-09", "MUG-10"', "take kl", "keep back 2 units", "hide below 10 units",
    stores="shopee_my, tiktok_my",
) + rule("Lazada", 'like "MUG-*"', "take kl", "push 80%", stores="lazada_my")  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--summary"], ["--every"], ["--limit", "1"]], ids=lambda form: "".join(form))
@pytest.mark.parametrize("style", ["text", "markdown"])
def test_the_forms_of_a_difference(
    shop: Path, style: str, form: list[str], capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    write(shop, OLD, NEW)

    assert diff(capsys, "--format", style, *form) == snapshot


def test_every_cell_counts_once_and_the_numbers_agree(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, OLD, NEW)
    document = json.loads(diff(capsys, "--json"))
    plans = []
    for file in ("old.push", "new.push"):
        main(["plan", file, "--at", AT, "--json"])
        plans.append({(c["store"], c["store_sku"]): c for c in json.loads(capsys.readouterr().out)["cells"]})

    summary, (old, new) = document["summary"], plans
    assert document["format"] == "pushdsl.diff/1"
    assert summary["cells"] == len(old | new) == sum(n for kind, n in summary.items() if kind != "cells")
    kinds = Counter(change["change"] for change in document["changes"])
    assert kinds == {kind: n for kind, n in summary.items() if kind not in ("cells", "unchanged") and n}
    for store in document["stores"]:
        assert store["up"] == sum(c["change"] == "up" and c["store"] == store["store"] for c in document["changes"])
    for change in document["changes"]:
        key = change["store"], change["store_sku"]
        for side, planned in (("old", old), ("new", new)):
            expected = planned.get(key)
            assert change[side] == (
                expected and {k: expected[k] for k in ("rule", "quantity", "mode", "days", "action")}
            )
    same = [key for key in old.keys() & new.keys() if old[key]["quantity"] == new[key]["quantity"]]
    assert summary["unchanged"] == len(same)


def test_the_comment_has_each_change_in_the_section_of_its_store(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, OLD, NEW)
    document = json.loads(diff(capsys, "--json"))
    printed = diff(capsys, "--format", "markdown")

    found = set()
    for section in printed.split("<summary>")[1:]:
        rows = [[text.strip(" `") for text in line.split("|")[1:-1]] for line in section.splitlines() if "MUG" in line]
        store = section.partition(":")[0]
        with_store = [row if len(row) == 6 else [store, *row] for row in rows if len(row) > 1]
        found |= {(row[0], row[1].removesuffix(" @ WH1"), row[2].replace("?", "None")) for row in with_store}
    sides = {(c["store"], c["store_sku"], str((c["old"] or {}).get("quantity"))) for c in document["changes"]}
    assert found == sides


def test_the_same_rules_differ_in_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, OLD, OLD)

    assert main(["diff", "old.push", "new.push", "--at", AT, "--exit-code"]) == 0
    assert capsys.readouterr().out.endswith("\n33 cells: 33 unchanged\n")
    assert "no cell differs" in diff(capsys, "--format", "markdown")


def test_the_exit_code_tells_of_a_difference_where_asked(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, OLD, NEW)

    assert main(["diff", "old.push", "new.push", "--exit-code"]) == 2
    assert main(["diff", "old.push", "new.push"]) == 0


def test_old_rules_that_do_not_check_are_named_as_the_old_ones(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, OLD.replace("take kl", "take ky"), NEW)

    assert main(["diff", "old.push", "new.push"]) == 3
    assert "2 errors in the rules: the old ones, `old.push`" in capsys.readouterr().err


def test_a_folder_is_compared_with_another_whose_facts_it_does_not_need(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `git worktree add ../before`."""
    write(shop, "", NEW)
    (shop / "old.push").unlink()
    before = tmp_path / "before"
    before.mkdir()
    (before / "shared.push").write_text(STORES, "utf-8")
    (before / "rules.push").write_text('push edition 1\nuse "shared.push"\n' + OLD, "utf-8")

    assert main(["diff", str(before), ".", "--at", AT, "--summary"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("36 cells: ")


@pytest.mark.parametrize("option", [["--summary"], ["--every"], ["--limit", "3"]], ids=lambda option: option[0])
def test_json_refuses_to_be_shortened(shop: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, OLD, NEW)

    assert main(["diff", "old.push", "new.push", "--json", *option]) == 1
    assert f"`{option[0]}` is for text and Markdown" in capsys.readouterr().err


def test_a_difference_of_many_cells_fits_a_comment(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = 2000
    write_facts(shop, "stock", "warehouse,sku,on_hand", [f"kl,MUG-{k:05d},{k}" for k in range(count)])
    rows = [f"{store},MUG-{k:05d},1,{k},MUG-{k:05d}" for store in ("shopee_my", "lazada_my") for k in range(count)]
    write_facts(shop, "listings", "store,store_sku,item_id,variant_id,sku", rows)
    write(
        shop,
        rule("A", "everything", "take kl", stores="shopee_my, lazada_my"),
        rule("A", "everything", "take kl", "push 50%"),
    )

    printed = diff(capsys, "--format", "markdown")

    assert len(printed) <= COMMENT_MAX
    assert "**2,000 cells lost:** they keep what they show, and nothing is pushed any more." in printed
    assert "| `MUG-01999` | 1999 | 999 | 1999 available; push 50% | `A` |" in printed
    assert "more; `pushdsl diff --every` shows all" in printed
