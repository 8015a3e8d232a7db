"""SKUs and categories of the rules that the facts do not have: said in the plan, with the nearest that they do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushdsl.checker import diagnose
from pushdsl.claims import MOST_COMPARED
from pushdsl.facts import read_facts
from pushdsl.loader import load
from pushdsl.planner import plan
from pushdsl.plugins.platform import Capabilities
from tests.test_checker import FakePlatforms


def problems_of(folder: Path, selector: str) -> list[str]:
    rules = folder / "rules.push"
    rules.write_text(
        f'push edition 1\nwarehouse kl\nstore a on shopee\nrule "A" {{\n  for {selector}\n  to a\n  take kl\n}}\n',
        "utf-8",
    )
    (folder / "stock.csv").write_text("warehouse,sku,on_hand\nkl,BTY-0001,5\nkl,TOY-1,5\n", "utf-8")
    (folder / "skus.csv").write_text("sku,category\nBTY-0001,Beauty\nTOY-1,Toys\n", "utf-8")
    (folder / "listings.csv").write_text(
        "store,store_sku,item_id,variant_id,sku\na,B,1,1,BTY-0001\na,T,2,2,TOY-1\n", "utf-8"
    )
    checked, _ = diagnose(load([rules]), FakePlatforms())
    assert checked is not None
    at = datetime(2026, 5, 4, tzinfo=UTC)
    found = plan(checked, read_facts(folder, None)[0], {"a": Capabilities()}, at).problems
    return [f"{p.code} {p.message.partition(' in the facts')[0]}{p.message.partition(')')[2]}" for p in found]


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ('"BTY-0002"', "PUSH505 no SKU `BTY-0002`, did you mean `BTY-0001`?"),
        ('"bty-0001"', "PUSH505 no SKU `bty-0001`, did you mean `BTY-0001`?"),
        ('"XXXXXXXX"', "PUSH505 no SKU `XXXXXXXX`"),
        ('category "Beuty"', "PUSH506 no category `Beuty`, did you mean `Beauty`?"),
    ],
)
def test_a_name_that_the_facts_lack_is_said_with_the_nearest(tmp_path: Path, term: str, said: str) -> None:
    assert [said] == problems_of(tmp_path, f'like "*", {term}')


def test_of_a_list_that_is_not_theirs_every_sku_is_said(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("".join(f"BTY-1{k:03}\n" for k in range(MOST_COMPARED + 1)), "utf-8")

    *most, last = problems_of(tmp_path, 'like "*", from "list.csv"')

    assert len(most) == MOST_COMPARED
    assert last == f"PUSH505 no SKU `BTY-1{MOST_COMPARED}`"
