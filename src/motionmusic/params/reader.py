"""The only reader of params.yaml."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from motionmusic.errors import UserError

FILE = Path("params.yaml")
T = TypeVar("T")


def group(model: type[T] | TypeAdapter[T], name: str, dataset: str | None = None) -> T:
    """One checked group of params.yaml, of one data set where the group has them.

    Raises UserError where anything in the file is unknown, missing, of another type, out of range
    or contradictory, in this group or in any other.
    """
    whole = _checked(FILE.resolve())
    value = whole[name]
    if dataset is not None:
        if dataset not in value:
            raise UserError(
                FILE, name, f"one of {', '.join(value)}", dataset, "name a data set of params.yaml"
            )
        value = value[dataset]
    adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
    return adapter.validate_python(value)


@cache
def _checked(path: Path) -> dict[str, Any]:
    try:
        # DVC's own reader: YAML 1.2 (1e-05 is a number), and no key twice
        whole = YAML(typ="safe", pure=True).load(path.read_bytes())
    except FileNotFoundError:
        raise UserError(
            FILE, "", "the parameters", "no such file", "run from the folder that has dvc.yaml"
        ) from None
    except YAMLError as error:
        raise UserError(FILE, "", "YAML", str(error), "mend the syntax") from None
    # By name, not by import: the other groups are only checked, so they are no dependency.
    schema = import_module("motionmusic.params.schema").Schema
    try:
        schema.model_validate(whole)
    except ValidationError as error:
        raise _as_user_error(error, whole) from None
    assert isinstance(whole, dict)
    return whole


def _key(problem: ErrorDetails, whole: object) -> str:
    """The key at fault as it stands in the file: pydantic's location without its names of types."""
    keys: list[str] = []
    inner: Any = whole
    for part in problem["loc"]:
        known = part in inner if isinstance(inner, dict) else isinstance(inner, list)
        if known:
            inner = inner[part]
        elif problem["type"] != "missing" or part != problem["loc"][-1]:
            continue
        keys.append(str(part))
    return ".".join(keys)


def _as_user_error(error: ValidationError, whole: object) -> UserError:
    first, *others = error.errors()
    message = first["msg"].removeprefix("Value error, ")
    got = "no such key" if first["type"] == "missing" else repr(first["input"])
    got = got if len(got) <= 80 else got[:77] + "..."
    if first["type"] == "value_error":
        message, got = "values that agree", message
    more = [f"{_key(p, whole)}: {p['msg']}".removeprefix(": Value error, ") for p in others]
    return UserError(
        FILE,
        _key(first, whole),
        message,
        "; also wrong: ".join([got, *more]),
        "mend the key (docs/data.md and the comments in params.yaml say what each may be)",
    )
