"""Plans carried out over HTTP against local stores that speak the platforms' wire formats."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from pushdsl.applying import apply
from pushdsl.cli import main
from pushdsl.cli.local_shops import LocalShops
from pushdsl.pacing import Pace
from pushdsl.plugins.platform import Fault, Shown
from tests.shop import make_project, open_for_business, shown, write_facts

PLATFORMS = {"shopee": "shopee_my", "lazada": "lazada_my", "tiktok": "tiktok_my"}
WANTED = {f"MUG-{k:02d}": 8 + k for k in range(12)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_project(tmp_path / "shop")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("pushdsl.cli.apply.apply", partial(apply, pace=Pace(sleep=_no_wait)))
    return folder


async def _no_wait(seconds: float) -> None:
    """Backoff without waiting."""


def calls(shops: LocalShops) -> int:
    return sum(sandbox.calls for sandbox in shops.sandboxes.values())


def test_three_stores_show_exactly_the_planned_quantities(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_for_business(folder) as shops:
        assert main(["apply"]) == 0
        sent = calls(shops)

        assert {name: shown(shops, name, store) for name, store in PLATFORMS.items()} == dict.fromkeys(
            PLATFORMS, WANTED
        )
        assert main(["apply"]) == 0
        assert calls(shops) == sent, "an unchanged second run sends nothing"
    capsys.readouterr()
    main(["plan", "--exit-code"])
    assert capsys.readouterr().out.endswith("36 cells: 0 to push, 36 unchanged, 0 held, 0 blocked\n")


@pytest.mark.parametrize("fault", ["throttle", "server_error", "malformed", "drop_before", "drop_after"])
@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_passing_fault_ends_in_the_planned_quantities(folder: Path, platform: str, fault: Fault) -> None:
    with open_for_business(folder) as shops:
        shops.sandboxes[platform].fail(fault, 2)

        assert main(["apply"]) == 0
        assert shown(shops, platform, PLATFORMS[platform]) == WANTED


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_a_refused_row_does_not_stop_the_others(
    folder: Path, platform: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listings = (folder / "facts/listings.csv").read_text("utf-8").splitlines()[1:]
    with open_for_business(folder) as shops:
        strange = f"{PLATFORMS[platform]},MUG-XX,1000,999999,MUG-XX"
        write_facts(folder, "listings", "store,store_sku,item_id,variant_id,sku", [*listings, strange])
        with (folder / "facts/stock.csv").open("a", encoding="utf-8") as file:
            file.write("kl,MUG-XX,30\n")

        assert main(["apply"]) == 6
        assert {k: v for k, v in shown(shops, platform, PLATFORMS[platform]).items() if k in WANTED} == WANTED
    capsys.readouterr()
    main(["records", "--json", "--status", "Failed"])
    records = json.loads(capsys.readouterr().out)
    assert [(r["store_sku"], r["kind"]) for r in records] == [("MUG-XX", "not_found")]


def test_a_store_that_dies_half_way_leaves_every_cell_with_an_outcome(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_for_business(folder) as shops:
        sandbox = shops.sandboxes["shopee"]
        shops._run(sandbox.stop())

        assert main(["apply"]) == 6
        assert shown(shops, "lazada", "lazada_my") == WANTED
    capsys.readouterr()
    main(["records", "--json", "--limit", "100"])
    statuses = {(r["store"], r["status"]) for r in json.loads(capsys.readouterr().out)}
    assert ("shopee_my", "Pending") not in statuses
    assert ("lazada_my", "Successfully") in statuses
    assert ("shopee_my", "Successfully") not in statuses

    with open_for_business(folder) as shops:
        assert main(["apply"]) == 0
        assert shown(shops, "shopee", "shopee_my") == WANTED


def test_an_expired_token_stops_only_its_store(folder: Path) -> None:
    with open_for_business(folder) as shops:
        shops.sandboxes["lazada"].fail("expired_token", 50)

        assert main(["apply"]) == 6
        assert shown(shops, "shopee", "shopee_my") == WANTED
        assert shown(shops, "tiktok", "tiktok_my") == WANTED


def test_reconcile_reads_what_a_store_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_for_business(folder) as shops:
        main(["apply"])
        capsys.readouterr()
        shops.sandboxes["tiktok"].show("tiktok_my", Shown("MUG-05", "", 99))

        assert main(["reconcile", "tiktok_my", "--json"]) == 0
        drifts = json.loads(capsys.readouterr().out)

        assert [(d["store_sku"], d["known"], d["shown"]) for d in drifts] == [("MUG-05", 13, 99)]
        assert main(["plan", "--json"]) == 0
        cells = json.loads(capsys.readouterr().out)["cells"]
        assert [(c["store_sku"], c["live"], c["quantity"]) for c in cells if c["action"] == "push"] == [
            ("MUG-05", 99, 13)
        ]


def test_secrets_appear_nowhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_for_business(folder) as shops:
        text = (folder / "pushdsl.toml").read_text("utf-8")
        secrets = [
            line.split(" = ")[1].strip('"') for line in text.splitlines()
            if any(word in line for word in ("secret", "token", "partner_key"))
        ]  # fmt: skip
        for platform in PLATFORMS:
            shops.sandboxes[platform].fail("server_error", 1)
            shops.sandboxes[platform].fail("expired_token", 3)
        main(["apply"])
        main(["records"])
        main(["status"])
        main(["plan", "--json", "-o", "plan.json"])
    printed = capsys.readouterr()
    kept = (folder / ".pushdsl/record.db").read_bytes() + (folder / "plan.json").read_bytes()

    assert secrets
    for secret in secrets:
        assert secret not in printed.out + printed.err
        assert secret.encode() not in kept


def test_ctrl_c_ends_an_apply_with_everything_known_recorded(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop", skus=400)
    with open_for_business(folder) as shops:
        with (folder / "pushdsl.toml").open("a", encoding="utf-8") as file:
            file.write("".join(f"[accounts.{s}.capabilities]\nrequests_per_second = 5.0\n" for s in PLATFORMS.values()))
        apply = subprocess.Popen(
            [sys.executable, "-m", "pushdsl", "apply"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 60
        while calls(shops) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        apply.send_signal(signal.SIGINT)
        apply.communicate(timeout=60)

        assert apply.returncode == 6
    records = json.loads(
        subprocess.run(
            [sys.executable, "-m", "pushdsl", "records", "--json", "--limit", "10000"],
            cwd=folder, check=True, capture_output=True, text=True,
        ).stdout
    )  # fmt: skip
    statuses = [record["status"] for record in records]
    assert len(statuses) == 1200
    assert set(statuses) == {"Successfully", "Skipped"}
