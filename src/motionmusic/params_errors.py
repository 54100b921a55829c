"""What is wrong in params.yaml, in the words of our errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from motionmusic.errors import UserError


def _key(problem: ErrorDetails, whole: object) -> str:
    """The key at fault as it stands in the file: pydantic's location without its names of types."""
    keys: list[str] = []
    inner: Any = whole
    for part in problem["loc"]:
        steps = str(part).split(".") if isinstance(part, str) else [part]
        for step in steps:
            known = step in inner if isinstance(inner, dict) else isinstance(inner, list)
            if known:
                inner = inner[step]
            elif problem["type"] != "missing" or part != problem["loc"][-1]:
                continue
            keys.append(str(step))
    return ".".join(keys)


def as_user_error(error: ValidationError, whole: object, file: Path) -> UserError:
    """The first mistake with what is wrong beside it; ``whole`` is what the file holds."""
    first, *others = error.errors()
    expected = first["msg"]
    got = "no such key" if first["type"] == "missing" else f"{first['input']!r:.80}"
    if first["type"] == "value_error":
        expected, got = "values that agree", first["msg"].removeprefix("Value error, ")
    more = [f"{_key(p, whole)}: {p['msg']}".removeprefix(": Value error, ") for p in others]
    return UserError(
        file, _key(first, whole), expected, "; also wrong: ".join([got, *more]),
        "mend the key (docs/data.md and the comments in params.yaml say what each may be)",
    )  # fmt: skip
