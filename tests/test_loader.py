"""What is read for a run: files, what they use, and their lists; and what is said where that fails."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pushdsl.errors import PushdslError
from pushdsl.loader import CODES, Loaded, load, project_folder

Write = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files into a folder of their own, which becomes the current one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write_files(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return write_files


def loaded(*paths: str) -> Loaded:
    return load([Path(path) for path in paths])


def names(result: Loaded) -> list[str]:
    return [file.source.name for file in result.files]


def errors(result: Loaded) -> list[str]:
    return [f"{found.span} {found.code} {found.message}" for found in result.diagnostics]


EDITION = "push edition 1\n"


# ---- files


def test_a_folder_means_its_rule_files_and_those_of_its_folders_in_order(write: Write) -> None:
    write({"b.push": EDITION, "a/z.push": EDITION, "a.push": EDITION, ".git/x.push": EDITION, "a/notes.txt": "x"})

    assert names(loaded(".")) == ["a/z.push", "a.push", "b.push"]


def test_a_file_is_called_as_it_was_given_and_what_it_uses_stands_beside_it(write: Write) -> None:
    folder = write({"rules/a.push": EDITION + 'use "../shared/w.push"\n', "shared/w.push": EDITION, "pushdsl.toml": ""})

    assert names(loaded("rules/a.push")) == ["rules/a.push", "shared/w.push"]
    assert names(loaded(str(folder / "rules/a.push"))) == ["rules/a.push", "shared/w.push"]


def test_a_file_reached_twice_is_read_once(write: Write) -> None:
    write(
        {
            "a.push": EDITION + 'use "w.push"\nuse "./b/../w.push"\n',
            "b/c.push": EDITION + 'use "../w.push"',
            "w.push": EDITION,
        }
    )

    result = loaded("a.push", "b/c.push", "a.push", "w.push")
    assert (names(result), errors(result)) == (["a.push", "b/c.push", "w.push"], [])


def test_a_link_to_a_file_is_the_file(write: Write) -> None:
    folder = write({"a.push": EDITION + 'use "link.push"\nuse "w.push"\n', "w.push": EDITION})
    (folder / "link.push").symlink_to(folder / "w.push")

    assert len(loaded("a.push").files) == 2


@pytest.mark.parametrize(
    ("path", "message", "help"),
    [
        ("rulse.push", "there is no file or folder `rulse.push`", "did you mean `rules.push`?"),
        ("zzz", "there is no file or folder `zzz`", "check the spelling and the current folder"),
        ("empty", "there are no rule files in `empty`", "rule files end in `.push`"),
    ],
)
def test_a_given_path_that_leads_nowhere_is_refused(write: Write, path: str, message: str, help: str) -> None:
    folder = write({"rules.push": EDITION})
    (folder / "empty").mkdir()

    with pytest.raises(PushdslError) as refused:
        loaded(path)
    assert (refused.value.message, refused.value.help) == (message, help)


def test_no_path_at_all_is_refused(write: Write) -> None:
    with pytest.raises(PushdslError, match="no rule files were given"):
        loaded()


def test_the_errors_of_all_files_are_told_together(write: Write) -> None:
    write(
        {
            "a.push": EDITION + "let x = 5\n",
            "b.push": EDITION + "warehouse take\n",
            "c.push": b"push edition 1\n# caf\xe9",
        }
    )

    assert [line.split(" ")[:2] for line in errors(loaded("."))] == [
        ["a.push:2:9", "PUSH021"],
        ["b.push:2:11", "PUSH016"],
        ["c.push:2:6", "PUSH001"],
    ]


def test_a_large_file_is_refused_without_reading_it_all(write: Write) -> None:
    folder = write({"a.push": EDITION})
    with (folder / "a.push").open("r+b") as stream:
        stream.truncate(50_000_000_000)

    result = loaded("a.push")
    assert [found.code for found in result.diagnostics] == ["PUSH002"]
    assert not result.complete


# ---- use


def test_a_file_that_is_missing_is_told_with_the_nearest_one(write: Write) -> None:
    write({"a.push": EDITION + 'use "shared/warehouse.push"\n', "shared/warehouses.push": EDITION, "pushdsl.toml": ""})

    (found,) = loaded("a.push").diagnostics
    assert (found.code, found.message) == ("PUSH031", "there is no file `shared/warehouse.push`")
    assert found.help == "did you mean `shared/warehouses.push`?"
    assert found.fix is not None
    assert (found.fix.span.text, found.fix.text) == ('"shared/warehouse.push"', '"shared/warehouses.push"')


def test_a_missing_file_makes_the_result_incomplete(write: Write) -> None:
    write({"a.push": EDITION + 'use "b.push"\n', "ok.push": EDITION})

    assert not loaded("a.push").complete
    assert loaded("ok.push").complete


@pytest.mark.parametrize("path", ["../outside.push", "/etc/passwd", "link.push", "folder/../../outside.push"])
def test_a_path_that_leaves_the_project_is_an_error(write: Write, tmp_path: Path, path: str) -> None:
    folder = write({"a.push": EDITION + f'use "{path}"\n', "folder/b.push": EDITION})
    (tmp_path / "outside.push").write_text(EDITION)
    (folder / "link.push").symlink_to(tmp_path / "outside.push")

    assert errors(loaded("a.push")) == [f"a.push:2:5 PUSH033 `{path}` leaves the project folder"]


def test_a_project_file_above_makes_room(write: Write, tmp_path: Path) -> None:
    write({"a.push": EDITION + 'use "../outside.push"\n'})
    (tmp_path / "outside.push").write_text(EDITION)
    (tmp_path / "pushdsl.toml").touch()

    assert errors(loaded("a.push")) == []
    assert project_folder([Path("a.push")]) == tmp_path


def test_without_a_project_file_the_first_files_folder_is_the_project(write: Write) -> None:
    folder = write({"rules/a.push": EDITION})

    assert project_folder([Path("rules/a.push")]) == folder / "rules"
    assert project_folder([Path("rules")]) == folder / "rules"


def test_files_that_use_each_other_in_a_circle_are_named(write: Write) -> None:
    write(
        {
            "a.push": EDITION + 'use "b.push"\n',
            "b.push": EDITION + 'use "c.push"\nuse "d.push"\n',
            "c.push": EDITION + 'use "a.push"\n',
            "d.push": EDITION,
        }
    )

    (found,) = loaded(".").diagnostics
    assert (found.code, str(found.span)) == ("PUSH032", "c.push:2:1")
    assert "`a.push` → `b.push` → `c.push` → `a.push`" in found.help
    assert [str(span) for span in found.related] == ["a.push:2:1", "b.push:2:1"]


def test_a_file_that_uses_itself_is_told(write: Write) -> None:
    write({"a.push": EDITION + 'use "a.push"\n'})

    assert errors(loaded("a.push")) == ["a.push:2:1 PUSH032 `a.push` uses itself"]


def test_a_chain_of_many_files_is_read(write: Write) -> None:
    write({f"{i}.push": EDITION + f'use "{i + 1}.push"\n' for i in range(1_500)} | {"1500.push": EDITION})

    assert len(loaded("0.push").files) == 1_501


# ---- lists


def rule(selector: str) -> str:
    return EDITION + f'rule "A" {{ for {selector} }}\n'


@pytest.mark.parametrize(
    ("content", "skus"),
    [
        ("A-1\nA-2\n", ("A-1", "A-2")),
        ("A-1\r\n\r\nA-2", ("A-1", "A-2")),
        ("name,sku\nx,A-1\ny,A-2\n", ("A-1", "A-2")),
        ("SKU\nA-1\n", ("SKU", "A-1")),
        ("A-1,soap\nA-2,shampoo\n", ("A-1", "A-2")),
        ('"A,1"\n"B ""2"""\n', ("A,1", 'B "2"')),
        (" A-1 \n\ufeff\n", (" A-1 ", "\ufeff")),
        ("\ufeffsku\nA-1\n", ("A-1",)),
        ("name,sku\nx\ny,A-2\nz,\n", ("A-2",)),
    ],
)
def test_a_list_is_read_as_it_stands(write: Write, content: str, skus: tuple[str, ...]) -> None:
    write({"a.push": rule('from "l.csv"'), "l.csv": content})

    result = loaded("a.push")
    assert (dict(result.lists), errors(result)) == ({("a.push", "l.csv"): skus}, [])


def test_lists_are_found_in_every_selector(write: Write) -> None:
    write(
        {
            "a.push": rule('everything except from "1.csv"') + 'skus x = from "2.csv" except from "3.csv"\n',
            **{f"{i}.csv": f"A-{i}" for i in (1, 2, 3)},
        }
    )

    assert sorted(loaded("a.push").lists.values()) == [("A-1",), ("A-2",), ("A-3",)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "PUSH036 `lists/l.csv` lists no SKUs"),
        (b"sku\n\n", "PUSH036 `lists/l.csv` lists no SKUs"),
        (b"A-1\nA-\xe9\n", "PUSH035 `lists/l.csv` is not UTF-8: line 2"),
        (b'"' + b"x" * 200_000, "PUSH034 `lists/l.csv` is not a CSV file"),
    ],
)
def test_a_list_that_cannot_be_used_is_told_where_it_is_named(write: Write, content: bytes, error: str) -> None:
    write({"a.push": rule('"A", from "lists/l.csv"'), "lists/l.csv": content})

    assert errors(loaded("a.push")) == [f"a.push:2:21 {error}"]


def test_a_list_that_is_missing_is_told_with_the_nearest_one(write: Write) -> None:
    write({"a.push": rule('from "lists/soap.csv"'), "lists/soaps.csv": "A-1"})

    (found,) = loaded("a.push").diagnostics
    assert (found.code, found.help) == ("PUSH034", "did you mean `lists/soaps.csv`?")
    assert found.fix is not None
    assert found.fix.span.text == '"lists/soap.csv"'


def test_a_list_stays_in_the_project_too(write: Write) -> None:
    write({"a.push": rule('from "../l.csv"')})

    assert errors(loaded("a.push")) == ["a.push:2:16 PUSH033 `../l.csv` leaves the project folder"]


# ---- hash


def test_the_same_rules_elsewhere_have_the_same_hash(write: Write, tmp_path: Path) -> None:
    files = {"a.push": rule('from "l.csv"') + 'use "b.push"\n', "b.push": EDITION, "l.csv": "A-1\n"}
    write(files)
    other = tmp_path / "other"
    other.mkdir()
    for name, content in files.items():
        (other / name).write_text(content)

    assert loaded("a.push").sha256 == loaded("b.push", "a.push").sha256 == load([other / "a.push"]).sha256


@pytest.mark.parametrize("name", ["a.push", "b.push", "l.csv"])
def test_a_change_in_any_file_changes_the_hash(write: Write, name: str) -> None:
    files = {"a.push": rule('from "l.csv"') + 'use "b.push"\n', "b.push": EDITION, "l.csv": "A-1\n"}
    write(files)
    before = loaded("a.push").sha256
    write({name: files[name] + " \n"})

    assert loaded("a.push").sha256 != before


def test_what_an_editor_has_not_saved_yet_is_read_in_place_of_the_file(write: Write) -> None:
    folder = write({"a.push": EDITION + 'use "b.push"\n', "b.push": EDITION})
    unsaved = {folder.resolve() / "b.push": (EDITION + "warehouse kl\n").encode()}

    result = load([Path("a.push")], unsaved)

    assert [(path.name, len(file.declarations)) for path, file in zip(result.paths, result.files, strict=True)] == [
        ("a.push", 2),
        ("b.push", 2),
    ]


def test_every_code_of_the_loader_is_in_these_tests() -> None:
    text = Path(__file__).read_text("utf-8")

    assert [code for code in CODES if code not in text] == []
