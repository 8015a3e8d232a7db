"""The forms of a plan: a line for each store, what changes, every cell; as text and as a comment on a pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from syrupy.assertion import SnapshotAssertion

from pushdsl.cli import main
from pushdsl.cycle import open_project, read_inputs
from pushdsl.cycle import plan as make_plan
from pushdsl.model import ACTIONS, PlannedCell
from pushdsl.planner import planned_cells
from pushdsl.report.markdown import COMMENT_MAX, code, prose
from tests.shop import make_project, write_facts

AT = "2026-05-04T12:00:00Z"
RULES = """push edition 1
warehouse kl "Kuala Lumpur"
warehouse jb "Johor Bahru"
store shopee_my on shopee {
  region "MY"
}
store lazada_my on lazada
store tiktok_my on tiktok {
  location kl -> "WH1"
}
rule "Mugs" {
  for like "MUG-*" except "MUG-09"
  to all stores
  take kl, jb
  keep back 2 units
  preorder {
    open at 5 units
    close above 50 units
    add 30 units
    ship in 7 days
  }
}
rule "Big mugs" overrides "Mugs" {
  for "MUG-07", "MUG-08"
  to shopee_my
  take kl
  above 10 units every 12 hours
}
rule "Mugs again" {
  for "MUG-06"
  to lazada_my
  take kl
  increase only
  keep back 1 unit
}
"""
RULES = RULES.replace('rule "Mugs again" {', 'rule "Mugs again" overrides "Mugs" {')


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cells of every action: pushed, emptied, unchanged, held, blocked; and listings without a number."""
    folder = make_project(tmp_path / "shop", RULES, skus=10)
    stock = [f"kl,MUG-{k:02d},{stock}" for k, stock in enumerate((2, 12, 13, 4, 0, 15, 16, 90, 18, 19))]
    write_facts(folder, "stock", "warehouse,sku,on_hand", stock)
    live = [
        "shopee_my,MUG-01,,10,normal,",
        "shopee_my,MUG-02,,90,normal,",
        "shopee_my,MUG-07,,88,normal,2026-05-04T10:00:00Z",
        "lazada_my,MUG-00,,7,normal,",
        "lazada_my,MUG-05,,13,normal,",
        "tiktok_my,MUG-05,WH1,8,normal,",
    ]
    write_facts(folder, "live", "store,store_sku,location,quantity,mode,confirmed_at", live)
    monkeypatch.chdir(folder)
    return folder


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["plan", "--at", AT, *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("form", [[], ["--summary"], ["--every"]], ids=["changes", "summary", "every"])
@pytest.mark.parametrize("style", ["text", "markdown"])
def test_the_forms_of_a_plan(
    shop: Path, style: str, form: list[str], capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    assert plan(capsys, "--format", style, *form) == snapshot


def test_every_lists_each_cell_of_the_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = json.loads(plan(capsys, "--json"))["cells"]
    text = plan(capsys, "--every")

    lines = [line.split()[0] for line in text.split("To look at")[0].splitlines() if line.startswith("  ")]
    assert lines == [cell["store_sku"] for cell in cells]
    assert [cell for cell in cells if cell["why"] not in text] == []
    assert {"push", "unchanged", "held", "blocked"} == {cell["action"] for cell in cells}


def test_the_summary_has_one_line_a_store_and_the_same_totals(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary, text = plan(capsys, "--summary"), plan(capsys)

    assert [line.split()[0] for line in summary.splitlines()[2:5]] == ["lazada_my", "shopee_my", "tiktok_my"]
    assert summary.splitlines()[-1] == text.splitlines()[-1]


@pytest.mark.parametrize("option", [["--summary"], ["--every"], ["--limit", "3"]], ids=lambda option: option[0])
@pytest.mark.parametrize("style", ["json", "jsonl"])
def test_json_has_every_cell_and_refuses_to_be_shortened(
    shop: Path, style: str, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--format", style, *option]) == 1
    assert f"`{option[0]}` is for text and Markdown" in capsys.readouterr().err


@pytest.mark.parametrize(
    "form", [[], ["--summary"], ["--every"], ["--format", "markdown"]], ids=lambda form: "".join(form)
)
def test_a_plan_without_a_cell_is_shown_in_every_form(
    shop: Path, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_facts(shop, "live", "store,store_sku,quantity", [])
    write_facts(shop, "listings", "store,store_sku,item_id,variant_id,sku", [])

    assert "0 cells" in plan(capsys, *form)


def test_only_one_of_less_and_more_is_taken(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["plan", "--summary", "--every"])

    assert exit.value.code == 1


# ---- what others wrote must not break the comment ---------------------------------------------------

HOSTILE = [
    "a|b",
    "a\\|b",
    "a\\",
    "`tick`",
    "``",
    "`",
    "<b>bold</b>",
    "</details><script>alert(1)</script>",
    "**bold** _it_ ~~gone~~ [a](http://example.org) ![i](x)",
    "@everyone #12",
    "line\nbreak",
    "carriage\rreturn",
    "| --- |",
    "&lt;amp&amp;",
    " lead",
    "trail ",
    "<!--",
    "日本語 🦐",
    "\u202egnp.exe",
    "- item",
    "x" * 900,
]


def cells_of(markdown: str) -> list[list[str]]:
    """The texts of a table's body as a reader sees them."""
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    reader = _Cells()
    reader.feed(html)
    return reader.rows


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "td"

    def handle_data(self, text: str) -> None:
        if self._inside:
            self.rows[-1][-1] += text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("escape", [code, prose])
def test_a_name_is_shown_to_the_letter_in_its_cell_and_nothing_else(escape: Callable[[str], str], text: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |\n")
    reader = _Cells()
    reader.feed(html)

    (row,) = reader.rows[1:]
    shown = (
        (text if len(text) <= 200 else text[:199] + "…").replace("\n", "↵").replace("\r", "�").replace("\u202e", "�")
    )
    expected = shown if escape is code else re.sub("`([^`]+)`", r"\1", shown)  # in a sentence they set off a name
    assert [row[0].replace("\u200b", "").strip(), row[1]] == [expected.strip(), "end"]
    assert reader.tags <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


def test_nobody_is_mentioned() -> None:
    assert "@e" not in prose("rule @everyone of `@acme`").replace("`@acme`", "")
    assert code("@acme") == "`@acme`"


def test_skus_and_rule_names_of_any_text_keep_every_table_whole(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skus = [
        text.replace('"', '""') for text in HOSTILE if "\r" not in text and len(text) < 200 and text == text.strip()
    ]
    write_facts(shop, "stock", "warehouse,sku,on_hand", [f'kl,"{sku}",9' for sku in skus])
    write_facts(shop, "live", "store,store_sku,quantity", [])
    listings = [f'shopee_my,"{sku}",1,{k},"{sku}"' for k, sku in enumerate(skus)]
    write_facts(shop, "listings", "store,store_sku,item_id,variant_id,sku", listings)
    (shop / "rules.push").write_text(
        RULES.split("rule ")[0] + 'rule "a|b `c` <i>@x</i>" {\n  for everything\n  to shopee_my\n  take kl\n}\n',
        "utf-8",
    )

    printed = plan(capsys, "--format", "markdown")

    (table,) = [part for part in printed.split("<details>")[1:] if "9 available" in part]
    rows = cells_of(table.partition("</summary>\n")[2].rpartition("</details>")[0])[1:]
    assert len(rows) == len(skus)
    assert {len(row) for row in rows} == {5}
    assert {row[4] for row in rows} == {"a|b `c` <i>@x</i>"}
    assert [printed.splitlines().count(tag) for tag in ("<details>", "</details>")] == [1, 1]


def test_a_comment_is_never_longer_than_it_may_be_and_says_what_it_leaves_out(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"MUG-{k:05d}-{'🦐' * 40}" for k in range(1500)]
    write_facts(shop, "stock", "warehouse,sku,on_hand", [f"kl,{name},9" for name in names])
    write_facts(shop, "live", "store,store_sku,quantity", [])
    stores = ("shopee_my", "lazada_my", "tiktok_my")
    rows = [f"{store},{name},1,{k},{name}" for store in stores for k, name in enumerate(names)]
    write_facts(shop, "listings", "store,store_sku,item_id,variant_id,sku", rows)

    printed = plan(capsys, "--format", "markdown")

    assert 0.9 * COMMENT_MAX < len(printed.encode("utf-16-le")) // 2 <= COMMENT_MAX < 65_536
    shown = [
        len([line for line in part.splitlines() if line.startswith("| `MUG")]) for part in printed.split("<details>")
    ]
    hidden = [int(line.split()[2].replace(",", "")) for line in printed.splitlines() if line.startswith("… and")]
    assert sum(shown) + sum(hidden) == 4500
    assert min(shown[1:]) > 0
    assert "`pushdsl plan --every` shows all" in printed


def test_sixty_stores_with_long_names_fit(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stores = [f"store_{k:02d}_{'ü' * 300}" for k in range(60)]
    declared = "\n".join(f"store {store} on simulated" for store in stores)
    rule = 'rule "All" {\n  for everything\n  to all stores\n  take kl\n}\n'
    (shop / "rules.push").write_text(f"push edition 1\nwarehouse kl\n{declared}\n{rule}", "utf-8")
    write_facts(shop, "live", "store,store_sku,quantity", [])
    write_facts(
        shop, "listings", "store,store_sku,item_id,variant_id,sku", [f"{store},MUG-01,1,1,MUG-01" for store in stores]
    )

    printed = plan(capsys, "--format", "markdown")

    assert len(printed) <= COMMENT_MAX
    assert "… and 20 more stores" in printed


def test_a_line_break_in_a_sku_breaks_no_line_of_the_text(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(shop, "stock", "warehouse,sku,on_hand", ['kl,"MUG-\n\x1b[31m",9'])
    write_facts(shop, "live", "store,store_sku,quantity", [])
    write_facts(
        shop, "listings", "store,store_sku,item_id,variant_id,sku", ['shopee_my,"MUG-\n\x1b[31m",1,1,"MUG-\n\x1b[31m"']
    )

    printed = plan(capsys)

    assert "\x1b" not in printed
    assert "  MUG-↵�[31m  " in printed


def test_the_columns_of_a_plan_say_what_its_cells_say(shop: Path) -> None:
    inputs = read_inputs(open_project([shop]))
    cells = planned_cells(make_plan(inputs, datetime.fromisoformat(AT)))

    numbers = cells.numbers()

    def of_cell(cell: PlannedCell) -> tuple[object, ...]:
        quantity, live, days = (-1 if n is None else n for n in (cell.quantity, cell.live, cell.days))
        return cell.store, cell.location, quantity, live, days, cell.mode == "preorder", cell.action

    columns = (numbers.quantity, numbers.live, numbers.days, numbers.preorder, numbers.action)
    found = [
        (cells.store_names[store], numbers.location_names[location], *rest, ACTIONS[action])
        for store, location, *rest, action in zip(numbers.store, numbers.location, *columns, strict=True)
    ]
    assert found == [of_cell(cell) for cell in cells]
    assert [cell.store_sku for cell in cells] == [name for name, _ in cells.names()]
    assert [cell for _, part in cells.by_store() for cell in part] == list(cells)
