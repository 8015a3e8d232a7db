"""Reading and checking rule files, beside Lark alone on the same text and peers on files of equal content.

python benchmarks/parsing.py --rules 10 1000 20000
python benchmarks/parsing.py --hostile 1000000
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lark import Lark

from pushdsl.checker import diagnose
from pushdsl.grammar import nodes as n
from pushdsl.grammar import parser as push_parser
from pushdsl.grammar.parser import parse
from pushdsl.loader import Loaded
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.source import SourceText

# python-hcl2 takes minutes beyond this.
HCL_MOST = 1_000

WAREHOUSES = ("kl", "jb", "hub", "penang")
STORES = ("shopee_my", "lazada_my", "shopee_ph", "lazada_ph")

Rule = dict[str, Any]


# ---- the content, and how each format writes it --------------------------------------------------------


def make_rules(count: int, seed: int = 3) -> list[Rule]:
    chosen = random.Random(seed)
    return [
        {
            "name": f"rule {number}",
            "skus": [f"SKU-{number:05d}-{letter}" for letter in "ABC"[: chosen.randint(1, 3)]],
            "stores": chosen.sample(STORES, chosen.randint(1, 4)),
            "take": [[chosen.choice((50, 80, 100)), name] for name in chosen.sample(WAREHOUSES, chosen.randint(1, 3))],
            "keep_back": chosen.randrange(10),
            "push": chosen.choice((50, 70, 80, 100)),
            "at_most": chosen.choice((20, 100, 500, 999_999)),
            "hide_below": chosen.randrange(1, 4),
            "above": [1000 + chosen.randrange(100), chosen.randrange(1, 24), 10],
            "preorder": [
                chosen.randrange(5),
                chosen.randrange(5, 20),
                chosen.randrange(1, 30),
                chosen.randrange(7, 30),
            ],
        }
        for number in range(count)
    ]


def to_push(rules: list[Rule]) -> str:
    lines = ["push edition 1", *(f"warehouse {name}" for name in WAREHOUSES)]
    lines += [f"store {name} on {name.partition('_')[0]}" for name in STORES]
    for rule in rules:
        opens, closes, add, days = rule["preorder"]
        threshold, hours, percent = rule["above"]
        lines += [
            f'# stock of {rule["name"]}\nrule "{rule["name"]}" {{',
            "  for " + ", ".join(f'"{sku}"' for sku in rule["skus"]),
            "  to " + ", ".join(rule["stores"]),
            "  take " + ", ".join(f"{share}% of {name}" for share, name in rule["take"]),
            f"  keep back {rule['keep_back']} units\n  push {rule['push']}%",
            f"  at most {rule['at_most']} units\n  hide below {rule['hide_below']} units",
            f"  preorder {{\n    open at {opens} units\n    close above {closes} units",
            f"    add {add} units\n    ship in {days} days\n  }}",
            f"  above {threshold} units every {hours} hours unless it falls by {percent}%\n}}\n",
        ]
    return "\n".join(lines)


def to_toml(rules: list[Rule]) -> str:
    return "\n".join("[[rule]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in rule.items()) for rule in rules)


def to_hcl(rules: list[Rule]) -> str:
    return "".join(
        f"rule {json.dumps(rule['name'])} {{\n"
        + "".join(f"  {k} = {json.dumps(v)}\n" for k, v in rule.items() if k != "name")
        + "}\n\n"
        for rule in rules
    )


# ---- the same content read back ------------------------------------------------------------------------


def of_tree(file: n.File) -> list[Rule]:
    return [_of_rule(rule) for rule in file.declarations if isinstance(rule, n.Rule)]


def _of_rule(rule: n.Rule) -> Rule:
    found: Rule = {"name": rule.name.value}
    for statement in rule.statements:
        match statement:
            case n.For(selector=selector):
                found["skus"] = [term.sku for term in selector.include if isinstance(term, n.ExactSku)]
            case n.To(stores=stores):
                found["stores"] = [name.text for name in stores.include]
            case n.Take(shares=shares):
                found["take"] = [[_number(share.percentage), share.name.text] for share in shares]
            case n.KeepBack(amount=amount) if amount:
                found["keep_back"] = _number(amount)
            case n.Push(percentage=percentage):
                found["push"] = _number(percentage)
            case n.AtMost(amount=amount):
                found["at_most"] = _number(amount)
            case n.HideBelow(amount=amount):
                found["hide_below"] = _number(amount)
            case n.Above():
                found["above"] = [_number(statement.threshold), _number(statement.every) // 3600]
                found["above"].append(_number(statement.unless_falls_by))
            case n.Preorder(
                statements=(n.OpenAt() as opens, n.CloseAbove() as closes, n.Add() as add, n.ShipIn() as ship)
            ):
                days = _number(ship.duration) // 86_400
                found["preorder"] = [_number(opens.amount), _number(closes.amount), _number(add.amount), days]
    return found


def _number(value: object) -> int:
    match value:
        case n.Quantity(units=units):
            return units
        case n.Percentage(ppm=ppm):
            return ppm // 10_000
        case n.Duration(seconds=seconds):
            return seconds
        case _:
            raise AssertionError(value)


def _of_hcl(found: dict[str, Any]) -> list[Rule]:
    rules = []
    for block in found["rule"]:
        ((name, body),) = ((k, v) for k, v in block.items() if not k.startswith("__"))
        body = {k: v for k, v in body.items() if not k.startswith("__")}
        rules.append(json.loads(json.dumps({"name": name, **body}).replace('\\"', "")))
    return rules


# ---- candidates ----------------------------------------------------------------------------------------


def lark_baseline(positions: bool) -> Lark:
    """The same grammar with terminals that Lark's contextual lexer reads; only what the texts here need."""
    grammar = Path(push_parser.__file__).with_name("push.lark").read_text("utf-8")
    grammar = "\n".join(line for line in grammar.splitlines() if not line.startswith("%declare"))
    grammar += """
NAME: /[A-Za-z_][A-Za-z0-9_]*/
STRING: /"[^"\\\\\\n]*"/
NUMBER: /[0-9][0-9_]*(\\.[0-9]+)?/
NEGATIVE: /-[0-9]+/
_NL: /\\n([ \\t]*(#[^\\n]*)?\\n)*/
_ERROR: /\\x00/
%ignore /[ \\t]+/
%ignore /#[^\\n]*/
"""
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=positions)


def candidates(rules: list[Rule]) -> dict[str, tuple[Callable[[], object], str]]:
    text, toml, hcl = to_push(rules), to_toml(rules), to_hcl(rules)
    source = SourceText("rules.push", text)
    platforms = InstalledPlatforms()
    tree, placed = lark_baseline(False), lark_baseline(True)

    def check() -> object:
        file, said = parse(SourceText("rules.push", text))
        return diagnose(Loaded((file,), {}, said, ""), platforms)

    found: dict[str, tuple[Callable[[], object], str]] = {
        "pushdsl parse": (lambda: parse(source), text),
        "pushdsl parse and check": (check, text),
        "Lark, tree": (lambda: tree.parse(text), text),
        "Lark, tree with positions": (lambda: placed.parse(text), text),
        "tomllib": (lambda: tomllib.loads(toml), toml),
    }
    file, said = parse(source)
    assert not said, said
    assert of_tree(file) == rules
    assert tomllib.loads(toml)["rule"] == rules
    if len(rules) <= HCL_MOST:
        import hcl2

        found["python-hcl2"] = (lambda: hcl2.loads(hcl), hcl)
        if len(rules) <= 10:
            assert _of_hcl(hcl2.loads(hcl)) == rules
    return found


def medians(timed: dict[str, Callable[[], object]], repetitions: int, times: int) -> dict[str, float]:
    """Seconds of one call, candidates in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for repetition in range(repetitions + 1):
        for name, run in timed.items():
            gc.collect()
            started = time.perf_counter()
            for _ in range(times):
                run()
            if repetition:
                seconds[name].append((time.perf_counter() - started) / times)
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def print_sizes(sizes: list[int], repetitions: int) -> None:
    for size in sizes:
        rules = make_rules(size)
        found = candidates(rules)
        times = max(1, 200 // size)
        measured = medians({name: run for name, (run, _) in found.items()}, repetitions if size < 5_000 else 3, times)
        ours = measured["pushdsl parse"]
        print(f"\n{size:_} rules, {len(to_push(rules)) / 1e3:_.0f} kB\n")
        print("| | ms | MB/s of its file | its time in parses of pushdsl |\n| --- | --- | --- | --- |")
        for name, median in measured.items():
            print(f"| {name} | {median * 1e3:.1f} | {len(found[name][1]) / median / 1e6:.2f} | {median / ours:.2f} |")


# ---- hostile texts -------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[int], str]] = {
    "correct rules": lambda size: to_push(make_rules(size // 430)),
    "one rule never closed": lambda size: 'rule "A" {\n' + "  at most 5 units\n" * (size // 18),
    "rules never closed": lambda size: 'rule "A" {\n' * (size // 11),
    "`{` only": lambda size: 'rule "A" ' + "{" * size,
    "`}` only": lambda size: "}" * size,
    "blocks in blocks": lambda size: 'rule "A" { preorder ' + "{ preorder " * (size // 11),
    "one list": lambda size: "group g = " + ", ".join(["abc"] * (size // 5)) + "\n",
    "one list without commas": lambda size: "group g = " + "abc " * (size // 4) + "\n",
    "one line of statements": lambda size: 'rule "A" { ' + "at most 5 units " * (size // 16) + "}\n",
    "one number": lambda size: "let a = " + "9" * size + " units\n",
    "one word": lambda size: "x" * size,
    "an error on every line": lambda size: "foo\n" * (size // 4),
    "texts never closed": lambda size: 'warehouse a "x\n' * (size // 15),
    "single quotes": lambda size: "'" * size,
    "curly quotes": lambda size: "“" * (size // 3),
    "backslashes": lambda size: 'warehouse a "' + "\\n" * (size // 2) + '"\n',
    "words of two bytes": lambda size: "é " * (size // 3),
    "zero bytes": lambda size: "\0" * size,
    "`-` only": lambda size: "-" * size,
    "line ends": lambda size: "\n" * size,
}


def print_hostile(size: int) -> None:
    print(f"\nhostile texts of {size / 1e6:g} and {2 * size / 1e6:g} MB\n")
    print("| | s | s, twice as long | times | ns a byte |\n| --- | --- | --- | --- | --- |")
    for name, make in HOSTILE.items():
        seconds = []
        for length in (size, 2 * size):
            source = SourceText("rules.push", make(length))
            seconds.append(medians({"parse": lambda source=source: parse(source)}, 2, 1)["parse"])  # type: ignore[misc]
        once, twice = seconds
        print(f"| {name} | {once:.3f} | {twice:.3f} | {twice / once:.1f} | {twice / (2 * size) * 1e9:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rules", type=int, nargs="*", default=[10, 1_000, 20_000])
    parser.add_argument(
        "--hostile", type=int, default=0, help="also hostile texts of so many bytes, and of twice as many"
    )
    parser.add_argument("--reps", type=int, default=7)
    args = parser.parse_args()
    if args.hostile:
        print_hostile(args.hostile)
    else:
        print_sizes(args.rules, args.reps)


if __name__ == "__main__":
    main()
