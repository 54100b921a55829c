"""The only reader of params.yaml."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

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
        whole = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(
            FILE, "", "the parameters", "no such file", "run from the folder that has dvc.yaml"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(FILE, "", "YAML", str(error), "mend the syntax") from None
    # By name, not by import: the other groups are only checked, so they are no dependency.
    schema = import_module("motionmusic.params.schema").Schema
    try:
        schema.model_validate(whole)
    except ValidationError as error:
        raise _as_user_error(error) from None
    assert isinstance(whole, dict)
    return whole


def _as_user_error(error: ValidationError) -> UserError:
    problems = error.errors()
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    got = repr(first["input"])
    return UserError(
        FILE,
        where,
        "; ".join(f"{'.'.join(map(str, p['loc'])) or 'file'}: {p['msg']}" for p in problems),
        got if len(got) <= 80 else got[:77] + "...",
        "mend the key (docs/data.md and the comments in params.yaml say what each may be)",
    )
