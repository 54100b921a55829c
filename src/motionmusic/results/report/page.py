"""The page itself: the template filled in, and the two files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent
STATIC = ("style.css", "script.js")


def render(context: Mapping[str, Any]) -> str:
    """index.html; every text is escaped, and a name that the context lacks is an error."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(**context)


def static_files() -> dict[str, bytes]:
    """The style sheet and the script, by name."""
    return {name: (_FOLDER / name).read_bytes() for name in STATIC}
