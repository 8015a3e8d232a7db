"""What `records`, `status` and `reconcile` say of what was pushed and what the stores show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pushdsl.cli import main
from pushdsl.recorder import KINDS
from tests.shop import RULES, SIMULATED, edit_file, make_project, open_for_business, write_facts


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_project(tmp_path / "shop", SIMULATED)
    monkeypatch.chdir(folder)
    return folder


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


# ---- records ----------------------------------------------------------------------------------------


def test_a_table_of_records_needs_no_more_than_a_hundred_columns(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    main(["apply"])
    main(["apply"])
    out(capsys)

    main(["records", "--sku", "MUG-03"])
    lines = out(capsys).splitlines()

    rows = [line for line in lines if "MUG-03" in line]
    assert len(rows) == 6, "one line for each of the records"
    assert [row.split()[5:] for row in rows[-3:]] == [["11", "Successfully", "101"]] * 3
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "reason 101: Rule or facts changed (plan applied)"


def test_a_kind_of_failure_that_is_none_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "--kind", "nonsense"]) == 1
    said = capsys.readouterr().err
    assert "there is no kind of failure `nonsense`" in said
    assert f"kinds: {', '.join(KINDS)}" in said


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_be_asked_for(project: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["records", "--kind", kind]) == 0


# ---- status -----------------------------------------------------------------------------------------


def test_what_was_confirmed_stays_confirmed_when_the_next_apply_sends_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statuses = []
    for _ in range(3):
        main(["apply"])
        out(capsys)
        main(["status", "--json"])
        statuses.append([store["statuses"] for store in json.loads(out(capsys))["stores"]])

    assert statuses[0] == statuses[1] == statuses[2]
    assert statuses[0][0]["Successfully"] == 12


# ---- reconcile --------------------------------------------------------------------------------------


def test_a_store_of_which_nothing_can_be_read_is_said_to_be_unread(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconcile", "shopee_my"]) == 6
    printed = out(capsys)

    assert "12 could not be read: what was known of them stays as it was" in printed
    assert printed.endswith("nothing of `shopee_my` was read, so nothing was learned\n")
    assert "different from what was known" not in printed
    assert main(["reconcile", "shopee_my", "--json"]) == 6
    entries = json.loads(out(capsys))
    assert len(entries) == 12
    assert all(entry["unreadable"] and entry["shown"] is None for entry in entries)


def test_what_was_read_is_kept_where_something_else_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project(tmp_path / "shop", RULES, skus=3)
    monkeypatch.chdir(folder)
    with open_for_business(folder):
        listings = folder / "facts" / "listings.csv"
        edit_file(listings, "tiktok_my,MUG-02,1000,5002", "tiktok_my,MUG-02,1000,9999")

        assert main(["reconcile", "tiktok_my"]) == 6
        printed = out(capsys)
        assert "could not be read: 1 × " in printed
        assert "(MUG-02)\n" in printed
        assert "2 read, 2 different from what was known" in printed

        main(["plan", "--json"])
        live = {(c["store"], c["store_sku"]): c["live"] for c in json.loads(out(capsys))["cells"]}
        assert [live["tiktok_my", f"MUG-{k:02d}"] is None for k in range(3)] == [False, False, True]


def test_a_store_without_listings_has_nothing_to_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_facts(project, "listings", "store,store_sku,item_id,variant_id,sku", ["lazada_my,MUG-00,1,1,MUG-00"])

    assert main(["reconcile", "shopee_my"]) == 0
    assert out(capsys) == "nothing to read: the facts have no active listing of `shopee_my`\n"
