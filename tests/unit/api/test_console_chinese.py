"""What the service says has Chinese words in the console: a new code or message without them is noticed here (ADR 0131)."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from ferryman.foundation.codes import CODES

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "ferryman"
SAID = ROOT / "console" / "src" / "i18n" / "said"
ELSEWHERE = frozenset({"cli", "demo", "embedded", "client", "kernel", "oms", "pages.py"})
"""What speaks in a terminal, or to programs: no page of the console shows it."""
SPEAKING = frozenset({"FerrymanError", "UsageError", "LeaseLostError", "AlreadySoError", "CheckResult"})
SPOKEN = frozenset({"message", "hint", "title"})


def catalogue(name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((SAID / f"{name}.zh.json").read_text("utf-8"))
    return found


def test_every_code_has_a_chinese_title_and_remedy():
    titles, sentences = catalogue("titles"), catalogue("sentences")
    assert sorted(set(CODES) ^ set(titles)) == [], f"add or remove their titles in {SAID}/titles.zh.json"
    hints = {entry.hint for entry in CODES.values() if entry.hint}
    assert sorted(hints - set(sentences)) == [], f"add them to {SAID}/sentences.zh.json"


def test_every_error_and_item_of_a_precheck_has_chinese_words():
    sentences = catalogue("sentences")
    missing = [f"{place}: {said}" for place, said in what_is_said() if said not in sentences]
    assert missing == [], f"add them to {SAID}/sentences.zh.json, with their places numbered"


def test_the_words_are_chinese_and_keep_their_places():
    for template, chinese in catalogue("sentences").items():
        assert re.findall(r"[\u4e00-\u9fff]", chinese), template
        assert set(re.findall(r"\{(\d+)\}", template)) == set(re.findall(r"\{(\d+)!?\}", chinese)), template


def test_a_message_in_a_choice_or_with_places_is_seen():
    code = 'FerrymanError("x.y", f"{a} is gone from {b!r}", hint="do it" if a else f"leave {c} out")'
    assert list(said_in(ast.parse(code))) == ["{0} is gone from {1}", "do it", "leave {0} out"]


def what_is_said() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        if not ELSEWHERE & set(place.parts):
            for said in said_in(ast.parse(path.read_text("utf-8"))):
                yield str(place), said


def said_in(tree: ast.AST) -> Iterator[str]:
    """The sentences that a module gives to errors and items, as templates."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in SPEAKING:
            given = [*call.args[1:], *(each.value for each in call.keywords if each.arg in SPOKEN)]
            for template in (template for each in given for template in templates(each)):
                if re.search(r"[a-z]{2}.* |[a-z] [a-z]{2}", re.sub(r"\{\d+\}", "", template).strip()):
                    yield template.strip()


def templates(node: ast.expr) -> Iterator[str]:
    """A text, or a text with places, numbered in their order; both sides of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from templates(node.body)
        yield from templates(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        texts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        places = iter(range(len(texts)))
        yield "".join(f"{{{next(places)}}}" if text is None else str(text) for text in texts)
