"""The documentation says what the code says: examples check, links lead somewhere, codes and keys are described."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from pushdsl import settings
from pushdsl.checker import diagnose
from pushdsl.cli import main
from pushdsl.errors import Diagnostic, PushdslError
from pushdsl.facts import read_facts
from pushdsl.formatter import format_text
from pushdsl.grammar import nodes
from pushdsl.loader import load
from pushdsl.model import REASON_TEXTS, Status, Store
from pushdsl.planner import plan
from pushdsl.plugins.manager import InstalledPlatforms
from pushdsl.plugins.platform import Capabilities
from pushdsl.recorder import KINDS
from pushdsl.rules import CheckedRules
from pushdsl.source import SourceText
from pushdsl.trial_coverage import EDGES, Part, covered
from pushdsl.trials import Trial, run

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ERROR_PAGES = sorted((ROOT / "docs" / "errors").glob("PUSH*.md"))
PLAN_PAGES = [page for page in ERROR_PAGES if page.name.startswith("PUSH5") and page.stem != "PUSH513"]
"""All but the one that comes from the record of what stores answered: tests/test_unbinding.py."""
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)


# ---- reading pages ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it stands for (empty: none), its text and its section's text."""

    page: Path
    line: int
    language: str
    file: str
    text: str
    section: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def sections(text: str) -> Iterator[tuple[int, str]]:
    """Each heading with all below it, to the next heading; with the offset where it begins."""
    code = [match.span() for match in re.finditer(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)]
    headings = [match.start() for match in re.finditer(r"^#+ ", text, re.MULTILINE)]
    starts = [at for at in headings if not any(start < at < end for start, end in code)]
    for start, end in pairwise([0, *starts, len(text)]):
        yield start, text[start:end]


def blocks(page: Path) -> Iterator[Block]:
    text = text_of(page)
    for start, section in sections(text):
        for match in re.finditer(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, start + match.start()) + 1
            yield Block(page, line, match[1], match[2] or "", match[3], section)


def write_files(folder: Path, found: Mapping[str, str]) -> None:
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


# ---- rules ------------------------------------------------------------------------------------------


class FakePlatforms:
    """Every platform that the pages name, without a plugin; only Shopee and the simulated one have pre-order."""

    names = ("lazada", "shopee", "simulated", "tiktok")
    packages: Mapping[str, str] = {name: f"pushdsl-{name}" for name in names}

    def capabilities(self, store: Store) -> Capabilities:
        shopee = store.platform == "shopee"
        return Capabilities(
            max_quantity=999_999,
            counts_reserved=shopee,
            preorder=shopee or store.platform == "simulated",
            locations=not store.choice,
            increase_only=store.choice,
        )


PLATFORMS = FakePlatforms()


def limits_of(rules: CheckedRules) -> dict[str, Capabilities]:
    return {name: PLATFORMS.capabilities(store) for name, store in rules.stores.items()}


# the tutorial's rules have a slip to begin with: test_tutorial plays them in their order
RULES = [b for page in PAGES if page.name != "tutorial.md" for b in blocks(page) if b.language == "push"]


def checked(block: Block, folder: Path) -> tuple[CheckedRules | None, tuple[Diagnostic, ...]]:
    """The block as a rule file, beside the files that its page shows."""
    write_files(folder, {b.file: b.text for b in blocks(block.page) if b.file})
    path = folder / (block.file or "example.push")
    path.write_text(block.text, "utf-8")
    (folder / "pushdsl.toml").touch()
    return diagnose(load([path]), PLATFORMS)


@pytest.mark.parametrize("block", RULES, ids=str)
def test_every_example_checks(block: Block, tmp_path: Path) -> None:
    rules, diagnostics = checked(block, tmp_path)

    assert [f"{d.code} {d.span}: {d.message}" for d in diagnostics if d.severity == "error"] == []
    assert rules is not None


# What a file of parts has: its names are used by the file that says `use`.
PARTS = {"PUSH301"}


@pytest.mark.parametrize("block", [b for b in RULES if b.page.name == "language.md"], ids=str)
def test_an_example_of_the_language_has_only_remarks_that_its_text_names(block: Block, tmp_path: Path) -> None:
    _, diagnostics = checked(block, tmp_path)

    named = set(re.findall(r"PUSH\d{3}", block.section)) | (PARTS if block.file.startswith("shared/") else set())
    assert [f"{d.code} {d.span}: {d.message}" for d in diagnostics if d.code not in named] == []


# ---- the language, statement by statement -----------------------------------------------------------

LANGUAGE = ROOT / "docs" / "language.md"

# Every construct, with the heading under which a reader looks for it by its first words.
HEADINGS: Mapping[type, str] = {
    nodes.Edition: "`push edition`",
    nodes.Use: "`use`",
    nodes.Warehouse: "`warehouse`",
    nodes.Store: "`store`",
    nodes.Group: "`group`",
    nodes.Skus: "`skus`",
    nodes.Let: "`let`",
    nodes.Rule: "`rule`",
    nodes.Test: "Tests",
    nodes.ExactSku: '`"BTY-0001"`: one SKU',
    nodes.Like: "`like`",
    nodes.Category: "`category`, `brand`, `tag`",
    nodes.Brand: "`category`, `brand`, `tag`",
    nodes.Tag: "`category`, `brand`, `tag`",
    nodes.ListedOn: "`listed on`",
    nodes.FromFile: "`from`",
    nodes.NamedSkus: "A named set",
    nodes.Everything: "`everything`",
    nodes.Account: "`account`",
    nodes.Region: "`region`",
    nodes.Choice: "`choice`",
    nodes.LocationMapping: "`location`",
    nodes.For: "`for`",
    nodes.To: "`to`",
    nodes.During: "`during`",
    nodes.Take: "`take`",
    nodes.KeepBack: "`keep back`",
    nodes.Push: "`push`",
    nodes.PushExactly: "`push exactly`",
    nodes.Split: "`split`",
    nodes.AtMost: "`at most`",
    nodes.AtLeast: "`at least`",
    nodes.HideBelow: "`hide below`",
    nodes.Below: "`below … only`",
    nodes.Preorder: "`preorder`",
    nodes.OpenAt: "`open at`",
    nodes.CloseAbove: "`close above`",
    nodes.Add: "`add`",
    nodes.ShipIn: "`ship in`",
    nodes.IncreaseOnly: "`increase only`",
    nodes.Above: "`above … every`",
    nodes.Disabled: "`disabled`",
    nodes.NeverOversell: "`promise never oversell`",
    nodes.NeverDecreases: "`promise … never decreases`",
    nodes.EveryListingHasARule: "`promise every listing has a rule`",
    nodes.ShowsAtMost: "`promise … shows at most`",
    nodes.StockSeries: "`stock`",
    nodes.StockUntracked: "`stock … untracked`",
    nodes.Reserved: "`reserved`",
    nodes.LiveQuantity: "`live`",
    nodes.Pack: "`pack`",
    nodes.PreorderRange: "`range`",
    nodes.ListingOff: "`listing … off`",
    nodes.SkuFact: "`category`, `brand`, `tag` of a SKU",
    nodes.StartAt: "`start at`",
    nodes.TickEvery: "`tick every`",
    nodes.ExpectQuantity: "`expect … units`",
    nodes.ExpectPreorder: "`expect … preorder`",
    nodes.ExpectShipIn: "`expect … ship in`",
    nodes.ExpectOutcome: "`expect … pushed`, `unchanged`, `held`, `blocked`",
    nodes.ExpectNoRule: "`expect … no rule`",
}
CONSTRUCTS = [
    construct
    for union in (
        nodes.Declaration, nodes.SelectorTerm, nodes.StoreStatement, nodes.RuleStatement, nodes.PreorderStatement,
        nodes.TestFact, nodes.Expectation, nodes.Promise,
    )
    for construct in get_args(union)
]  # fmt: skip


def heading_of(block: Block) -> str:
    return block.section.partition("\n")[0].lstrip("# ")


def kinds_in(node: object) -> Iterator[type]:
    if isinstance(node, tuple):
        for item in node:
            yield from kinds_in(item)
    elif is_dataclass(node):
        yield type(node)
        for field in fields(node):
            if field.name not in ("span", "head", "source"):
                yield from kinds_in(getattr(node, field.name))


@dataclass(frozen=True)
class Played:
    """An example of the language: the constructs in it, its tests as they ran, and what of its rules they reached."""

    block: Block
    kinds: frozenset[type]
    trials: tuple[Trial, ...]
    parts: tuple[Part, ...]

    @property
    def passed(self) -> bool:
        return bool(self.trials) and all(trial.passed for trial in self.trials)

    @property
    def unreached(self) -> set[str]:
        return {f"{part.statement} {part.edge}".strip() for part in self.parts if not part.tests}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> list[Played]:
    return [play(block, tmp_path_factory.mktemp("example")) for block in RULES if block.page == LANGUAGE]


def play(block: Block, folder: Path) -> Played:
    rules, _ = checked(block, folder)
    assert rules is not None, block
    tree = load([folder / (block.file or "example.push")])
    kinds = frozenset(kind for file in tree.files for kind in kinds_in(file.declarations))
    ran = tuple(run(rules, limits_of(rules), test) for test in rules.tests)
    return Played(block, kinds, ran, covered(rules, ran).parts)


def test_every_test_of_the_language_page_passes(played: list[Played]) -> None:
    failed = [
        f"{example.block} {failure.expectation.cell}, column {failure.column}: {failure.expected}, not {failure.got}"
        for example in played
        for trial in example.trials
        for failure in trial.failures
    ]

    assert failed == []
    assert sum(len(example.trials) for example in played) > len(HEADINGS)


def test_the_examples_of_the_language_page_are_as_the_formatter_writes_them() -> None:
    """But for blank lines, which would make the page long, and for the section that shows how text may be written."""
    texts = [b.text for b in RULES if b.page == LANGUAGE and heading_of(b) != "Text and numbers"]
    formatted = [format_text(SourceText("example.push", text)) for text in texts]

    assert [text.replace("\n\n", "\n") for text in texts] == [text.replace("\n\n", "\n") for text in formatted]


# What the facts of a test cannot say is shown by tables, and parts are used by the file that says `use`.
WITHOUT_TESTS = {"shared/warehouses.push", "safety.push", "rules.push"}


def test_only_the_examples_that_tests_cannot_express_are_without_one(played: list[Played]) -> None:
    assert {example.block.file for example in played if not example.trials} == {*WITHOUT_TESTS, ""}
    assert [heading_of(e.block) for e in played if not e.trials and not e.block.file] == ["Silencing a lint"]


def test_every_construct_has_a_heading_and_an_order() -> None:
    titles = re.findall(r"^#+ (.+)$", without_code(text_of(LANGUAGE)), re.MULTILINE)
    of_rules = [HEADINGS[construct] for construct in get_args(nodes.RuleStatement)]

    assert set(HEADINGS) == set(CONSTRUCTS)
    assert [title for title in titles if title in of_rules] == of_rules


@pytest.mark.parametrize("construct", CONSTRUCTS, ids=lambda construct: construct.__name__)
def test_a_construct_is_shown_under_its_heading_by_an_example_whose_tests_pass(
    construct: type, played: list[Played]
) -> None:
    under = [example for example in played if heading_of(example.block) == HEADINGS[construct]]

    assert [str(example.block) for example in under if construct in example.kinds and example.passed] != []


# A rule statement, or one way that it can go, as coverage names it; the ways are reached by the section's own tests.
STATEMENTS = {
    **{words: words for words in (
        "for", "to", "during", "take", "keep back", "push", "push exactly", "split", "at most", "at least",
        "hide below", "preorder", "increase only",
    )},
    "below": "below … only",
    "above": "above … every",
}  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_tests_under_a_rule_statement_reach_all_that_it_can_do(statement: str, played: list[Played]) -> None:
    under = [e for e in played if heading_of(e.block) == f"`{STATEMENTS[statement]}`" and e.trials]

    parts = [part for example in under for part in example.parts if part.statement == statement]
    assert [part.edge for part in parts if not part.tests] == []
    assert {part.edge for part in parts} == set(EDGES.get(statement, ("",)))


def test_no_rule_statement_of_coverage_is_left_out(played: list[Played]) -> None:
    assert {part.statement for example in played for part in example.parts} == set(STATEMENTS)


def test_the_tests_of_the_language_page_reach_the_rules_beside_them(played: list[Played]) -> None:
    """Only of pre-order some example may show a part, because its own section shows all."""
    unreached = {heading_of(e.block): e.unreached for e in played if e.trials}

    assert {statement for found in unreached.values() for statement in found if "preorder" not in statement} == set()


def test_the_safety_stock_of_the_language_page_is_what_a_plan_keeps_back(tmp_path: Path) -> None:
    (block,) = [b for b in RULES if b.file == "safety.push"]
    table = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|$", block.section, re.MULTILINE)
    stock, listings = ["warehouse,sku,on_hand,safety"], ["store,store_sku,item_id,variant_id,sku"]
    for number, (on_hand, safety, _) in enumerate(table):
        stock.append(f"kl,S{number},{on_hand},{safety}")
        listings.append(f"lazada_my,S{number},1,{number},S{number}")
    tables = {"stock": stock, "listings": listings}
    rules, _ = checked(block, tmp_path)
    assert rules is not None
    write_files(tmp_path, {f"facts/{name}.csv": "\n".join(lines) + "\n" for name, lines in tables.items()})

    cells = plan(rules, read_facts(tmp_path / "facts", None)[0], limits_of(rules), AT).cells

    assert [int(shows) for *_, shows in table] == [cell.quantity for cell in cells]
    assert len(table) == 3


def test_the_language_page_names_every_code_of_rule_files() -> None:
    codes = {page.stem for page in ERROR_PAGES if page.stem[4] in "01236"}

    assert codes - set(re.findall(r"PUSH\d{3}", text_of(LANGUAGE))) == set()


def contents(text: str) -> str:
    """What the list of contents shall be: each heading below it, the lower ones further in."""
    titles = re.findall(r"^##(#*) (.+)$", without_code(text), re.MULTILINE)[1:]
    return "".join(f"{'  ' * len(depth)}- [{title}](#{anchor_of(title)})\n" for depth, title in titles)


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_the_contents_of_the_language_page_are_its_headings(pytestconfig: pytest.Config) -> None:
    """`--snapshot-update` writes them anew."""
    text = text_of(LANGUAGE)
    before, after = re.split(r"(?<=^## Contents\n\n)(?:[ ]*- .*\n)*", text, maxsplit=1, flags=re.MULTILINE)
    if pytestconfig.getoption("update_snapshots"):
        LANGUAGE.write_text(before + contents(text) + after, "utf-8")

    assert before + contents(text) + after == text_of(LANGUAGE)


def test_no_two_headings_of_the_language_page_have_one_anchor() -> None:
    titles = re.findall(r"^#+ (.+)$", without_code(text_of(LANGUAGE)), re.MULTILINE)

    assert len({anchor_of(title) for title in titles}) == len(titles)


def test_the_receipt_of_the_language_page_is_what_explain_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = list(blocks(ROOT / "docs" / "language.md"))
    (rules,) = [block for block in page if block.file == "rules.push"]
    write_files(tmp_path, {b.file: b.text for b in page if b.section == rules.section and b.file})
    monkeypatch.chdir(tmp_path)

    assert main(["explain", "shopee_my", "SOAP-2", "rules.push", "--at", AT.isoformat()]) == 0
    (receipt,) = [block.text for block in page if block.section == rules.section and block.language == "text"]
    assert receipt.strip() == capsys.readouterr().out.strip()


def test_the_latch_of_the_language_page_is_what_a_plan_does(tmp_path: Path) -> None:
    (block,) = [b for b in RULES if b.section.startswith("### `preorder`")]
    table = re.findall(r"^\| (\d+) \| (open|closed) \| (open|closed) \| (\d+) \|$", block.section, re.MULTILINE)
    modes = {"open": "preorder", "closed": "normal"}
    stock, listings, live = ["warehouse,sku,on_hand"], ["store,store_sku,item_id,variant_id,sku"], []
    for number, (available, before, _, _) in enumerate(table):
        stock.append(f"kl,S{number},{available}")
        listings.append(f"shopee_my,S{number},1,{number},S{number}")
        live.append(f"shopee_my,S{number},999,{modes[before]}")
    tables = {"stock": stock, "listings": listings, "live": ["store,store_sku,quantity,mode", *live]}
    rules, _ = checked(block, tmp_path)
    assert rules is not None
    write_files(tmp_path, {f"facts/{name}.csv": "\n".join(lines) + "\n" for name, lines in tables.items()})

    cells = plan(rules, read_facts(tmp_path / "facts", None)[0], limits_of(rules), AT).cells

    assert [(modes[then], int(shows)) for _, _, then, shows in table] == [(c.mode, c.quantity) for c in cells]
    assert len(table) == 6


# ---- pages of codes ---------------------------------------------------------------------------------


def codes_of_the_source() -> set[str]:
    return {code for path in (ROOT / "src").rglob("*.py") for code in re.findall(r"PUSH\d{3}", path.read_text("utf-8"))}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {page.stem for page in ERROR_PAGES} == codes_of_the_source()


@pytest.mark.parametrize("page", ERROR_PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_to_avoid_and_what_to_prefer(page: Path) -> None:
    text = text_of(page)

    assert text.startswith(f"# {page.stem}: ")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in ("Avoid", "Prefer")] == ["Avoid", "Prefer"]


GROUPS = {
    "0": "Reading rule files",
    "1": "Names, stores, warehouses",
    "2": "Rules",
    "3": "Remarks (lints)",
    "4": "Facts",
    "5": "Plans",
    "6": "Tests",
}


def index() -> str:
    """What the index of the pages shall be: every code with its title, in groups."""
    lines = ["# Codes", "", "What `pushdsl check`, `plan` and `apply` may say, a page for each code."]
    for digit, group in GROUPS.items():
        lines += ["", f"## {group}", ""]
        for page in ERROR_PAGES:
            if page.stem[4] == digit:
                title = text_of(page).splitlines()[0].partition(": ")[2]
                lines.append(f"- [{page.stem}]({page.name}): {title}")
    return "\n".join(lines) + "\n"


def test_the_index_names_every_page_with_its_title(pytestconfig: pytest.Config) -> None:
    """`--snapshot-update` writes it anew."""
    path = ROOT / "docs" / "errors" / "README.md"
    if pytestconfig.getoption("update_snapshots"):
        path.write_text(index(), "utf-8")

    assert index() == text_of(path)


def files_of(page: Path, heading: str) -> dict[str, str]:
    return {b.file: b.text for b in blocks(page) if b.file and b.section.startswith(f"## {heading}")}


def problems_of(folder: Path) -> set[str]:
    """The codes of the plan's problems; the limits are the fake platforms'."""
    rules, diagnostics = diagnose(load([folder / "rules.push"]), PLATFORMS)
    assert rules is not None, [d.message for d in diagnostics]
    facts, _ = read_facts(folder / "facts", None)
    return {problem.code for problem in plan(rules, facts, limits_of(rules), AT).problems}


@pytest.mark.parametrize("page", PLAN_PAGES, ids=lambda page: page.stem)
def test_a_plan_problem_comes_with_what_to_avoid_and_goes_with_what_to_prefer(page: Path, tmp_path: Path) -> None:
    avoid, prefer = files_of(page, "Avoid"), files_of(page, "Prefer")
    write_files(tmp_path / "avoid", avoid)
    write_files(tmp_path / "prefer", avoid | prefer)

    assert problems_of(tmp_path / "avoid") == {page.stem}
    assert problems_of(tmp_path / "prefer") == set()


# ---- operations -------------------------------------------------------------------------------------

OPERATIONS = ROOT / "docs" / "operations.md"


def rows(text: str) -> dict[str, str]:
    """The tables' first two columns, without backticks."""
    found = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", text, re.MULTILINE)
    return {first.strip("` "): second.strip("` ") for first, second in found}


def test_every_reason_is_in_the_operations_page_with_its_text() -> None:
    table = rows(text_of(OPERATIONS))

    expected = {str(reason.value): text for reason, text in REASON_TEXTS.items()}
    assert expected == {number: text for number, text in table.items() if number.isdigit()}


@pytest.mark.parametrize("status", Status)
def test_every_status_is_in_the_operations_page(status: Status) -> None:
    assert status.value in rows(text_of(OPERATIONS))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure_is_in_the_operations_page(kind: str) -> None:
    assert kind in rows(text_of(OPERATIONS))


def known_settings(folder: Path, text: str) -> set[str]:
    """The keys that a table of the settings may have, as the refusal of a wrong one names them."""
    (folder / settings.FILE).write_text(text, "utf-8")
    with pytest.raises(PushdslError) as refusal:
        settings.read_settings(folder, {})
    assert refusal.value.help.startswith("known here: ")
    return set(refusal.value.help.removeprefix("known here: ").split(", "))


@pytest.mark.parametrize("table", ["", "push", "record", "limits"])
def test_every_setting_is_in_the_operations_page(table: str, tmp_path: Path) -> None:
    keys = known_settings(tmp_path, f"[{table}]\nqqq = 1\n" if table else "qqq = 1\n")

    text = text_of(OPERATIONS)
    wanted = {f"`[{table}]` `{key}`" if table else f"[{key}" for key in keys}
    assert {key for key in wanted if key not in text} == set()


@pytest.mark.parametrize("key", Capabilities.model_fields)
def test_every_capability_is_in_the_operations_page(key: str) -> None:
    assert key in rows(text_of(OPERATIONS))


def test_the_example_of_settings_reaches_its_store(tmp_path: Path) -> None:
    (block,) = [block for block in blocks(OPERATIONS) if block.language == "toml"]
    (tmp_path / settings.FILE).write_text(block.text, "utf-8")
    secrets = dict.fromkeys(re.findall(r'env = "(\w+)"', block.text), "secret")

    found = settings.read_settings(tmp_path, secrets)
    store = Store(name="shopee_my", platform="shopee", account="shopee_my")
    platforms = InstalledPlatforms(found.capabilities)
    reached = settings.account_settings(found, store, platforms.get("shopee").platform)

    assert set(found.accounts["shopee_my"]) == reached.model_fields_set
    assert platforms.capabilities(store).max_quantity == 99_999


def test_the_defaults_in_the_operations_page_are_those_of_the_settings(tmp_path: Path) -> None:
    defaults = settings.Settings(tmp_path)

    table = rows(text_of(OPERATIONS))
    expected = {
        "[push]` `enabled": str(defaults.push_enabled).lower(),
        "[push]` `zeroing_limit_percent": str(defaults.zeroing_limit_percent),
        "[record]` `url": defaults.record_url,
    }
    assert expected == {key: table[key] for key in expected}


# ---- links ------------------------------------------------------------------------------------------

LINKING = [*PAGES, *ERROR_PAGES, ROOT / "docs" / "errors" / "README.md", ROOT / "ARCHITECTURE.md",
           ROOT / "CONTRIBUTING.md"]  # fmt: skip


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    return {anchor_of(heading) for heading in re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)}


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            wrong.append(target)

    assert wrong == []
