"""JSON files against a model: the first thing wrong becomes one error that says where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from motionmusic.errors import UserError
from motionmusic.files import must_be_file

T = TypeVar("T")


def read_checked(
    file: Path, model: TypeAdapter[T], remedy: str, levels: Mapping[str, Sequence[str]]
) -> T:
    """The content of a JSON file; ``levels`` tells by key what the indices below it count.

    Raises UserError, which tells of ``remedy``: no such file, no JSON, or not what the model admits.
    """
    must_be_file(file, "a JSON file", remedy)
    try:
        return model.validate_json(_plain(file.read_bytes()))
    except ValidationError as error:
        first = error.errors()[0]
    if first["type"] == "json_invalid":
        raise UserError(file, "", "JSON", first["msg"], remedy)
    raise UserError(file, _where(first, levels), _expected(first["msg"]), _got(first), remedy)


def _plain(content: bytes) -> bytes:
    """JSON as UTF-8 without the mark that Windows' programs put before it, or in UTF-16."""
    encoding = json.detect_encoding(content)
    return content if encoding == "utf-8" else content.decode(encoding, "replace").encode()


def _where(problem: ErrorDetails, levels: Mapping[str, Sequence[str]]) -> str:
    key, *inner = problem["loc"] or ("",)
    names = levels.get(str(key), ())
    known = [f"{name} {number}" for name, number in zip(names, inner, strict=False)]
    return ", ".join(map(str, [key, *known, *inner[len(known) :]]))


def _expected(message: str) -> str:
    """Pydantic's message in the words of our errors."""
    message = re.sub("^(Value error, |Input should be )", "", message)
    message = re.sub(r"^(List|Tuple) should have (.*) after validation.*", r"a list of \2", message)
    return message.replace("Field required", "a value")


def _got(problem: ErrorDetails) -> str:
    value = problem["input"]
    if problem["type"] == "missing" and isinstance(value, dict):
        return f"no such key; it has {', '.join(map(str, value)) or 'none'}"
    if isinstance(value, (list, dict)):
        return f"{len(value)} entries"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."
