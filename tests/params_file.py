"""The params.yaml of a test's workspace: the committed one, with other values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from closure import ROOT


def committed_params() -> dict[str, Any]:
    """params.yaml of the project."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    return whole


def set_params(changes: Mapping[str, object], folder: Path = Path()) -> None:
    """Give keys such as ``train.synthetic.epochs`` other values in ``folder``/params.yaml.

    Where there is no such file, it begins as the committed one. A process reads it once.
    """
    file = folder / "params.yaml"
    whole = yaml.safe_load(file.read_text("utf-8")) if file.exists() else committed_params()
    for key, value in changes.items():
        *groups, last = key.split(".")
        reduce(dict.__getitem__, groups, whole)[last] = value
    file.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")
