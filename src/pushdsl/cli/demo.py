"""`pushdsl demo`: a real shop's stock, planned, pushed to three local stores, and recorded."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pushdsl import cycle
from pushdsl.cli.apply import applied_lines, carry_out
from pushdsl.cli.local_shops import LocalShops, local_shops, open_shops
from pushdsl.cli.records import print_records
from pushdsl.cycle import Inputs, Project, open_project
from pushdsl.errors import PushdslError
from pushdsl.model import Plan, Store
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.sandbox import SandboxServer
from pushdsl.report.plans import plan_lines
from pushdsl.report.terminal import print_lines
from pushdsl.store import open_existing

EXAMPLE = "04-uk-gift-shop"
FOLDER = Path("pushdsl-demo")
SHOWN = 6
"""Lines of each store: enough to see the kinds of reason."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="FOLDER",
                        help="where the example is put and kept (default: pushdsl-demo)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    folder: Path = args.folder
    _copy_example(folder)
    project = open_project([folder / "rules.push"], folder / "facts")
    inputs = cycle.read_inputs(project)
    print_lines(_introduction(folder, inputs))
    with local_shops() as shops:
        accounts = open_shops(shops, project.platforms, inputs.rules.stores, inputs.facts)
        project = _reaching(project, shops, accounts)
        inputs = replace(inputs, limits={n: project.platforms.capabilities(s) for n, s in inputs.rules.stores.items()})
        planned = cycle.plan(inputs, cycle.utc_now())
        print_lines(["", *plan_lines(planned, SHOWN), ""])
        if planned.summary["push"]:
            applied = carry_out(project, inputs, planned)
            print_lines([*applied_lines(applied), "", *_proof(planned, inputs.rules.stores, shops), ""])
            _print_newest_records(project)
        print_lines(_farewell(folder, bool(planned.summary["push"])))
    print(f"\n{time.monotonic() - started:.1f} seconds")
    return 0


def _copy_example(folder: Path) -> None:
    """Puts the example where the user can change it; what stands there already stays."""
    if (folder / "rules.push").exists():
        return
    if folder.exists() and any(folder.iterdir()):
        raise PushdslError(f"`{folder}` exists and is no demo", "choose another folder: `pushdsl demo my-demo`")
    _copy(_example(), folder)


def _example() -> Traversable:
    """The example inside the installed package, or in the source tree that the package runs from."""
    inside = resources.files("pushdsl") / "example"
    if inside.is_dir():
        return inside
    beside = Path(__file__).parents[3] / "examples" / EXAMPLE
    if beside.is_dir():
        return beside
    raise PushdslError("this installation came without the example", "install the released package of pushdsl")


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.name.startswith((".", "__")):
            continue
        if item.is_dir():
            _copy(item, target / item.name)
        else:
            with item.open("rb") as reading, (target / item.name).open("wb") as writing:
                shutil.copyfileobj(reading, writing)


def _introduction(folder: Path, inputs: Inputs) -> Iterator[str]:
    listings = len(inputs.facts.listings.store_sku)
    yield f"{folder / 'rules.push'}: {len(inputs.rules.rules)} rules for {len(inputs.rules.stores)} stores"
    yield f"{folder / 'facts'}: {len(inputs.facts.skus):,} SKUs, {listings:,} listings, from a year of real orders"


def _reaching(project: Project, shops: LocalShops, accounts: dict[str, dict[str, object]]) -> Project:
    """The project with its stores at the local shops, which bear more calls a second than a real one."""
    print("local stores: " + ", ".join(f"{name} at {address}" for name, address in shops.addresses.items()))
    for sandbox in shops.sandboxes.values():
        if isinstance(sandbox, SandboxServer):
            sandbox.bear_any_rate()
    faster = {account: {"requests_per_second": 2000.0} for account in accounts}
    settings = replace(project.settings, accounts=accounts, capabilities=faster)
    return replace(project, settings=settings, platforms=InstalledPlatforms(faster))


def _proof(planned: Plan, stores: Mapping[str, Store], shops: LocalShops) -> Iterator[str]:
    """What the local stores show after the push, held against the plan."""
    for name, store in stores.items():
        shown = {(s.store_sku, s.location): s.quantity for s in shops.sandboxes[store.platform].shown(name)}
        cells = [cell for cell in planned.cells if cell.store == name and cell.quantity is not None]
        right = sum(shown.get((cell.store_sku, cell.location)) == cell.quantity for cell in cells)
        yield f"{name} shows the planned quantity for {right:,} of {len(cells):,} cells"


def _print_newest_records(project: Project) -> None:
    """Two of each store, of the thousands that were kept."""
    record = open_existing(project.settings.record_url, tenant=project.settings.tenant)
    if record is not None:
        with record:
            stores = [summary.store for summary in record.summary()]
            print("The newest records:")
            print_records([kept for store in stores for kept in record.records(store=store, limit=2)])


def _farewell(folder: Path, pushed: bool) -> Iterator[str]:
    if not pushed:
        yield "Nothing to push: every store shows what the rules say."
    yield from ("", "Next:")
    yield f"  pushdsl records --rules {folder}            what was pushed, and how it ended"
    yield f"  pushdsl explain STORE STORE_SKU {folder}    how one quantity comes about"
    again = "pushdsl demo" if folder == FOLDER else f"pushdsl demo {folder}"
    yield f"  change a number in {folder / 'rules.push'} and run `{again}` once more"
