"""What stands in a file: its length, its lines, and words that must not be there."""

from __future__ import annotations

import re

import pytest
from source_tree import ROOT, code, name_of, text_of, under, written

COLUMNS = 100
FILE_LINES = 420  # about 300 is the aim; past this a concept hides in the file
TEST_FILE_LINES = 600
FUNCTION_LINES = 70
SCREEN_LINES = 60  # a stage of a request's life

# Written in parts, so that this file has none of them.
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
ELSEWHERE = re.compile(
    r"(?<![\w.$}])/(?:home|root|work|tmp/\w)/|py" + r"pi\.org|python" + r"hosted|arti" + r"factory"
)
SHELF = re.compile(r"(?:^|_)(?:utils?|commons?|managers?|helpers?|misc)(?:_|$)")


CALL = ROOT / "cpp/relay/call.cpp"


def lines_too_long(text: str) -> list[int]:
    return [n for n, line in enumerate(text.splitlines(), 1) if len(line) > COLUMNS]


def functions_of(text: str) -> dict[str, int]:
    """How many lines each function at namespace scope has, as clang-format lays them out."""
    lengths, name, begin = {}, "", 0
    for n, line in enumerate(text.splitlines(), 1):
        if (re.match(r"\w.*\)[^;]*\{$", line) and not line.startswith("namespace")) or re.match(
            r"\w.*\(.*,$", line
        ):
            name, begin = line, n
        elif line == "}" and name:
            lengths[name] = n - begin + 1
            name = ""
    return lengths


def test_lines_fit():
    found = [f"{name_of(path)}:{n}" for path in code() for n in lines_too_long(text_of(path))]
    assert found == []


def test_pages_fit_too():
    for page in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        # What a program printed is as wide as it printed it.
        text = re.sub(
            r"(?s)^```text\n.*?^```$",
            lambda block: "\n" * block[0].count("\n"),
            text_of(ROOT / page),
            flags=re.M,
        )
        lines = text.splitlines()
        found = [n for n in lines_too_long("\n".join(lines)) if not lines[n - 1].startswith("|")]
        assert found == [], page


def test_nothing_is_left_unfinished():
    found = [name_of(path) for path in written() if UNFINISHED.search(text_of(path))]
    assert found == []


def test_nothing_names_one_machine():
    found = [name_of(path) for path in written() if ELSEWHERE.search(text_of(path))]
    assert found == []


def test_no_file_is_a_shelf():
    found = [name_of(p) for p in written() if any(SHELF.search(x) for x in (p.stem, p.parent.name))]
    assert found == []


def test_text_is_plain():
    for path in written():
        text = text_of(path)
        assert "\t" not in text or path.name == "Makefile", name_of(path)
        assert "\r" not in text, name_of(path)
        assert not text or (text.endswith("\n") and not text.endswith("\n\n")), name_of(path)
        if path.suffix != ".patch":  # a blank line of context is a blank there
            assert not re.search(r" +$", text, re.M), f"{name_of(path)}: blanks at a line's end"


def test_files_fit_in_the_head():
    limits = [(p, TEST_FILE_LINES) for p in under("tests")]
    limits += [(p, FILE_LINES) for top in ("cpp", "plugins", "python") for p in under(top)]
    found = [name_of(p) for p, most in limits if text_of(p).count("\n") > most]
    assert found == []


def test_a_stage_fits_on_a_screen():
    stages = functions_of(text_of(CALL))
    assert len(stages) > 15
    assert {name: n for name, n in stages.items() if n > SCREEN_LINES} == {}


def test_functions_fit():
    found = {}
    for path in [*under("cpp", ".cpp"), *under("plugins", ".cpp")]:
        for name, n in functions_of(text_of(path)).items():
            if n > FUNCTION_LINES:
                found[f"{name_of(path)}: {name}"] = n
    assert found == {}


def test_every_header_is_included_once():
    for path in under("cpp", ".hpp"):
        if "include" in path.relative_to(ROOT / "cpp").parts:
            continue  # installed headers have guards: a compiler may see two copies of them
        assert text_of(path).startswith("#pragma once\n"), name_of(path)


def test_every_engine_has_a_test_of_its_name():
    for header in under("cpp/engine", ".hpp"):
        assert (ROOT / "tests/cpp/engine" / f"{header.stem}_test.cpp").is_file(), header.stem


def test_the_top_level_is_fixed():
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")}
    made = {"build", "dist"}
    assert folders - made <= {"cpp", "python", "plugins", "tests", "notebooks"}


def test_the_page_names_every_stage_and_every_file_it_leans_on():
    page = text_of(ROOT / "ARCHITECTURE.md")
    stages = re.findall(r"^Next Life::(\w+)\(Call& call\) \{$", text_of(CALL), re.M)
    assert len(stages) == 8
    assert [s for s in stages if f"| `{s}` |" not in page] == []
    leans_on = re.findall(r'^#include "relay/(\w+)\.hpp"$', text_of(CALL), re.M)
    told_elsewhere = {"call", "log", "redaction"}  # itself, and what only cleans up
    assert [f for f in leans_on if f"`{f}`" not in page and f not in told_elsewhere] == []


def test_tests_mirror_the_layers():
    for folder in (ROOT / "tests/cpp").iterdir():
        if folder.is_dir():
            assert (ROOT / "cpp" / folder.name).is_dir(), folder.name


# ---- the rules themselves ------------------------------------------------------------------------


def test_a_long_line_is_found():
    assert lines_too_long("x" * 100 + "\n" + "ü" * 101) == [2]


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME:", "// HA" + "CK"])
def test_an_unfinished_word_is_found(word):
    assert UNFINISHED.search(f"a {word} b")


@pytest.mark.parametrize(
    "path", ["/" + "home/me/x", '"/' + 'root/keel"', "https://py" + "pi.org/x"]
)
def test_a_machines_path_is_found(path):
    assert ELSEWHERE.search(path)


@pytest.mark.parametrize("stem", ["utils", "string_util", "common", "key_manager", "test_helpers"])
def test_a_shelf_is_found(stem):
    assert SHELF.search(stem)


@pytest.mark.parametrize("stem", ["utilisation", "commonest", "mock", "misconception"])
def test_other_names_are_let_be(stem):
    assert not SHELF.search(stem)


def test_functions_are_measured():
    text = "int f(int a) {\n  return a;\n}\n\nvoid g(int a,\n       int b) {\n}\nint h();\n"
    assert sorted(functions_of(text).values()) == [3, 3]
