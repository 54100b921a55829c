"""Every message has what a user needs: file, key, what was expected, what was there, what to do."""

from __future__ import annotations

import ast
from dataclasses import fields

import pytest
from closure import PACKAGE, ROOT

from motionmusic.errors import UserError

PARTS = [each.name for each in fields(UserError)]


def calls() -> list[tuple[str, dict[str, ast.expr]]]:
    """Where an error is made, and its parts."""
    found = []
    for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "stages").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or isinstance(node.func, ast.Attribute):
                continue
            if getattr(node.func, "id", "") == "UserError":
                parts = dict(zip(PARTS, node.args, strict=False))
                parts |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
                if not any(isinstance(each, ast.Starred) for each in node.args):
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", parts))
    return found


def text(part: ast.expr) -> str:
    """What is known of a part: letters that stand in the source, a mark for what is filled in."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    if isinstance(part, ast.JoinedStr):
        return "".join(text(each) for each in part.values)
    if isinstance(part, ast.BinOp):
        return text(part.left) + text(part.right)
    return "…"


CALLS = calls()


def test_there_are_messages() -> None:
    assert len(CALLS) > 150


@pytest.mark.parametrize(("place", "parts"), CALLS, ids=[place for place, _ in CALLS])
def test_the_parts_that_apply(place: str, parts: dict[str, ast.expr]) -> None:
    assert list(parts) == PARTS
    known = {name: text(part).strip() for name, part in parts.items()}
    for name in ("file", "expected", "got", "remedy"):  # a whole file has no key
        assert known[name], name
    # whoever typed something wrong is told which option, whoever set something which key
    if known["file"] in ("command line", "params.yaml"):
        assert (
            known["where"] or "arguments" in place or place.startswith("src/motionmusic/workspace")
        )
    assert not known["expected"].startswith("expected")
    assert not known["got"].startswith("got ")
    for word in ("Traceback", "Errno", "None"):
        assert word not in known["got"]
    assert known["remedy"][0].islower() or not known["remedy"][0].isalpha()
    assert not known["remedy"].endswith(".")
