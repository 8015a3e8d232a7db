"""`pushdsl authorize STORE`: the seller lets the app into a shop, and its tokens are kept."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from pushdsl import cycle
from pushdsl.cli.inputs import add_rules_option, project_of
from pushdsl.errors import PushdslError
from pushdsl.model import Store

REDIRECT = "http://127.0.0.1:8765/"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", nargs="?", metavar="STORE", help="the store's name in the rules")
    add_rules_option(parser)
    parser.add_argument(
        "--redirect",
        default=REDIRECT,
        metavar="URL",
        help=f"the address that the app is registered with (default: {REDIRECT}, where the answer is waited for)",
    )
    parser.add_argument("--new-key", action="store_true", help="print a new key for `token_key` and end")


def run(args: argparse.Namespace) -> int:
    from pushdsl import authorizing, tokens

    if args.new_key:
        print(tokens.new_key())
        return 0
    project = project_of(args)
    store = _store(args.store, cycle.read_rules(project)[0].stores)
    consent = authorizing.ask(project, store, args.redirect)
    print(f"open this in a browser where you are logged in as the seller of `{store.name}`:\n\n  {consent.link}\n")
    answer = authorizing.answer_in(_answer(args.redirect, consent.state), consent.state)
    authorized = authorizing.authorize(project, store, answer)
    print(f"`{store.name}` is let in: {', '.join(authorized.granted)} kept in the record")
    print(f"access {_until(authorized.access_until)}; renewal by itself {_until(authorized.refresh_until)}")
    return 0


def _store(name: str | None, stores: Mapping[str, Store]) -> Store:
    if name is None:
        raise PushdslError("which store?", f"name one of {', '.join(sorted(stores))}")
    if name not in stores:
        raise PushdslError(f"there is no store `{name}`", f"the rules have: {', '.join(sorted(stores))}")
    return stores[name]


def _until(moment: datetime | None) -> str:
    return "until it is taken back" if moment is None else f"until {moment:%Y-%m-%d %H:%M} UTC"


def _answer(redirect: str, state: str) -> str:
    """The address that the browser was sent to: waited for on this machine, or given by hand."""
    parts = urlsplit(redirect)
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"):
        print(f"waiting at {redirect} for the answer; Ctrl-C ends", flush=True)
        return asyncio.run(_waited_for(parts.hostname, parts.port or 80, state))
    print("then give the whole address that the browser ends at:", flush=True)
    line = sys.stdin.readline()
    if not line.strip():
        raise PushdslError("no address was given", "run the command again; the link is good for some minutes")
    return line


async def _waited_for(host: str, port: int, state: str) -> str:
    """The first call that has our `state`: any page in the browser can call this machine."""
    from aiohttp import web

    came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answered(request: web.Request) -> web.Response:
        if request.query.get("state") != state:
            return web.Response(status=404, text="This is not the answer that is waited for.")
        if not came.done():
            came.set_result(str(request.url))
        return web.Response(text="Thank you. You can close this page.")

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answered)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        return await came
    except OSError as error:
        raise PushdslError(f"cannot listen on port {port}: {error.strerror}", "give another `--redirect`") from None
    finally:
        await runner.cleanup()
