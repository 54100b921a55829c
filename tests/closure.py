"""The project's own modules that a script imports, directly or not (static, from the syntax tree)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def closure(script: Path) -> set[str]:
    """Paths relative to the root: the script and every own module it imports; no package markers."""
    found: set[Path] = set()
    todo = [script]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imported(path):
            target = _own_file(name)
            if target is not None:
                todo.append(target)
    return {str(path.relative_to(ROOT)) for path in found}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _own_file(name: str) -> Path | None:
    for base in (ROOT / "src", ROOT / "stages"):
        path = base.joinpath(*name.split(".")).with_suffix(".py")
        if path.exists() and (base.name == "stages") == ("." not in name):
            return path
    return None
