"""Several sellers on one record: each command of a seller's own folder sees that seller's part and no other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from pushdsl.cli import main
from pushdsl.cycle import open_project
from pushdsl.daemon import Daemon, Spec
from pushdsl.model import Status
from pushdsl.pacing import Gate
from pushdsl.run_settings import RunSettings
from pushdsl.store import open_existing
from tests.shop import SIMULATED, make_project


@pytest.fixture
def sellers(tmp_path: Path) -> Path:
    """Two sellers of two mugs each, in one record."""
    record = f'[record]\nurl = "sqlite:///{tmp_path}/record.db"\n'
    (tmp_path / "pushdsl.toml").write_text(record + "[run]\nwindow = 0\n", "utf-8")
    for number, name in enumerate(["anna", "ben"], 1):
        folder = make_project(tmp_path / name, SIMULATED, skus=2 * number)
        (folder / "pushdsl.toml").write_text(f'{record}tenant = "{name}"\n[run]\nwindow = 0\n', "utf-8")
    return tmp_path


def test_one_daemon_works_for_all_and_each_sees_its_own(
    sellers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["run", "--tenants", str(sellers), "--once"]) == 0

    pushed = {}
    for name in ("anna", "ben"):
        record = open_existing(f"sqlite:///{sellers}/record.db", tenant=name)
        assert record is not None
        with record:
            pushed[name] = len(record.records(status=Status.SUCCESSFULLY))
    assert pushed == {"anna": 6, "ben": 12}
    capsys.readouterr()
    monkeypatch.chdir(sellers / "anna")
    assert main(["records", "--json"]) == 0
    assert {one["store_sku"] for one in json.loads(capsys.readouterr().out)} == {"MUG-00", "MUG-01"}
    assert main(["apply"]) == 0
    assert "6 cells: 0 to push, 6 unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "said"),
    [("", "does not name its part of the record"), ("[record", "cannot read"), ("[rum]\n", "unknown setting `rum`")],
)
def test_a_seller_whose_settings_are_wrong_stops_nobody_else(
    sellers: Path, settings: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (sellers / "anna" / "pushdsl.toml").write_text(settings, "utf-8")

    assert main(["run", "--tenants", str(sellers), "--once"]) == 6

    assert said in capsys.readouterr().err
    record = open_existing(f"sqlite:///{sellers}/record.db", tenant="ben")
    assert record is not None
    with record:
        assert len(record.records(status=Status.SUCCESSFULLY)) == 12


def test_where_all_sellers_are_refused_the_first_is_told(sellers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("anna", "ben"):
        (sellers / name / "pushdsl.toml").write_text("", "utf-8")

    assert main(["run", "--tenants", str(sellers), "--once"]) == 1

    assert 'tenant = "anna"' in capsys.readouterr().err


def test_a_seller_whose_rules_are_wrong_stops_nobody_else(sellers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sellers / "anna" / "rules.push").write_text("push edition 1\nrule {", "utf-8")

    assert main(["run", "--tenants", str(sellers), "--once"]) == 6

    record = open_existing(f"sqlite:///{sellers}/record.db", tenant="ben")
    assert record is not None
    with record:
        assert len(record.records(status=Status.SUCCESSFULLY)) == 12
    assert "anna" in capsys.readouterr().err


def test_a_seller_with_a_source_that_cannot_be_used_stops_nobody_else(
    sellers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (sellers / "anna" / "pushdsl.toml").open("a", encoding="utf-8") as settings:
        settings.write('[sources.erp]\nkind = "folder"\n')  # without the folder

    assert main(["run", "--tenants", str(sellers), "--once"]) == 6

    record = open_existing(f"sqlite:///{sellers}/record.db", tenant="ben")
    assert record is not None
    with record:
        assert len(record.records(status=Status.SUCCESSFULLY)) == 12
    assert "sources.erp" in capsys.readouterr().err


def test_sellers_whose_accounts_are_named_alike_do_not_wait_for_one_another(sellers: Path) -> None:
    async def gates() -> list[Gate]:
        daemon = Daemon(RunSettings(window=0), f"sqlite:///{sellers}/record.db")
        async with daemon.opened():
            both = [await daemon.add(Spec(open_project([sellers / name]), name)) for name in ("anna", "ben")]
            reaches = [tenant.reaching["shopee_my"] for tenant in both]
            return [
                tenant.gates.of(reach.store, reach.platform, reach.settings, reach.capabilities)
                for tenant, reach in zip(both, reaches, strict=True)
            ]

    annas, bens = asyncio.run(gates())

    assert annas is not bens
