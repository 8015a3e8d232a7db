"""`pushdsl sandbox`: local stores that speak the platforms' real wire formats, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Mapping

from pushdsl import cycle
from pushdsl.cli.inputs import add_facts, add_rules_option, project_of
from pushdsl.cli.local_shops import LocalShops, local_shops, open_shops, sample, settings_lines
from pushdsl.errors import PushdslError
from pushdsl.plugins.manager import InstalledPlatforms


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "platforms", nargs="*", metavar="PLATFORM", help="which platforms (default: all with a sandbox)"
    )
    add_rules_option(parser)
    add_facts(parser)
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="listen here (one platform only; default: free)"
    )


def run(args: argparse.Namespace) -> int:
    if args.port and len(args.platforms) != 1:
        raise PushdslError("`--port` needs exactly one platform", "name it, as in `pushdsl sandbox shopee --port 8801`")
    with local_shops() as shops:
        accounts = _shops_of_rules(args, shops) if args.rules else _samples(args, shops)
        for name, address in shops.addresses.items():
            print(f"# {name} at {address or 'this process'}")
        for account, settings in accounts.items():
            print("\n".join(["", *settings_lines(account, settings)]))
        print("\n# put these into pushdsl.toml, then push; Ctrl-C ends", flush=True)
        _wait_for_ctrl_c()
    return 0


def _shops_of_rules(args: argparse.Namespace, shops: LocalShops) -> Mapping[str, Mapping[str, object]]:
    """A shop for each store of the rules, with the listings of the facts."""
    project = project_of(args)
    inputs = cycle.read_inputs(project)
    wanted = {n: s for n, s in inputs.rules.stores.items() if not args.platforms or s.platform in args.platforms}
    for store in wanted.values():
        shops.start(project.platforms, store.platform, args.port)
    return open_shops(shops, project.platforms, wanted, inputs.facts)


def _samples(args: argparse.Namespace, shops: LocalShops) -> Mapping[str, Mapping[str, object]]:
    platforms = InstalledPlatforms()
    accounts = {}
    for name in args.platforms or [p.platform.name for p in platforms.all()]:
        store, listings = sample(name)
        accounts[store.account] = shops.start(platforms, name, args.port).open_shop(store, listings, 10)
    return accounts


def _wait_for_ctrl_c() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
