"""The project's own modules that a script imports, directly or not (static, from the syntax tree)."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "motionmusic"


def closure(script: Path) -> set[Path]:
    """The own modules that a script imports; package markers are left out, they have no code."""
    found: set[Path] = set()
    todo = [script]
    while todo:
        new = imported(todo.pop()) - found
        found |= new
        todo += new
    return found


@cache
def imported(path: Path) -> set[Path]:
    """The own modules that a file imports itself, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    paths = {(ROOT / "src").joinpath(*name.split(".")).with_suffix(".py") for name in names}
    return {path for path in paths if path.exists()}


def room(module: Path) -> str:
    """The folder of the package that a module lies in; empty for the ground files."""
    parts = module.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""
