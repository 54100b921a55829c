"""params.yaml validates, and is the only place that has values."""

from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

import motionmusic.params
from motionmusic.errors import UserError
from motionmusic.params import DATASET, Aist, Schema, Segment, Train, reader

ROOT = Path(__file__).parents[1]


def committed() -> dict[str, Any]:
    whole = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    assert isinstance(whole, dict)
    return whole


def models() -> list[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    for module in pkgutil.iter_modules(motionmusic.params.__path__, "motionmusic.params."):
        for _, item in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(item, BaseModel) and item.__module__.startswith("motionmusic."):
                found.add(item)
    return sorted(found, key=lambda model: model.__qualname__)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of every group, but for the free ones: names of data sets and labels."""
    for key, item in value.items():
        yield (*path, key)
        if isinstance(item, dict) and key != "labels":
            yield from leaves(item, (*path, key))


def test_the_committed_file_validates() -> None:
    Schema.model_validate(committed())


def test_every_group_is_found() -> None:
    names = {model.__name__ for model in models()}
    assert {"Schema", "Joints", "Bones", "Music", "Segment", "Train", "Aist"} <= names


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_no_field_has_a_default(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.is_required()] == []
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("strict") is True


def test_no_key_may_be_left_out() -> None:
    whole = committed()
    for path in leaves(whole):
        broken = copy.deepcopy(whole)
        at = broken
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]
        with pytest.raises(ValidationError):
            Schema.model_validate(broken)


@pytest.mark.parametrize("group", [(), ("train", "m2d"), ("segment", "aist"), ("datasets", "m2d")])
def test_no_key_may_be_added(group: tuple[str, ...]) -> None:
    whole = committed()
    at = whole
    for key in group:
        at = at[key]
    at["epoch"] = 3
    with pytest.raises(ValidationError, match="epoch"):
        Schema.model_validate(whole)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("train", "m2d", "batch"), "72"),
        (("train", "m2d", "batch"), 72.0),
        (("train", "m2d", "width"), 63),
        (("bones", "m2d", "paper"), 1),
        (("joints", "m2d", "center"), "thrice"),
        (("joints", "aist", "center"), "once"),
        (("segment", "m2d", "protocol"), "official"),
        (("segment", "aist", "protocol"), "by_piece"),
        (("segment", "m2d", "folds"), 5),
        (("segment", "m2d_mini", "folds"), 2),
        (("segment", "m2d", "segment_frames"), 230),
        (("music", "m2d", "sample_rate"), 16_000),
        (("train", "m2d", "epochs_alone"), 100),
        (("train", "m2d", "schedule"), "one_cycle"),
        (("seeds",), [0, 0]),
        (("seeds",), []),
        (("datasets", "m2d", "labels"), {"C": "Cha-cha"}),
    ],
)
def test_wrong_or_contradictory_values_are_errors(path: tuple[str, ...], value: object) -> None:
    whole = committed()
    at = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(ValidationError):
        Schema.model_validate(whole)


def test_the_papers_settings() -> None:
    """spec 2.4, 4.2 and the bold values of section 10."""
    whole = committed()
    m2d, aist = whole["train"]["m2d"], whole["train"]["aist"]
    for train in (m2d, aist):
        assert train["width"] == 64
        assert train["learning_rate"] == 5e-4
        assert train["schedule"] == "constant"
        assert train["select"] == "last_hundred"
    assert (m2d["batch"], m2d["epochs_alone"], m2d["epochs_together"]) == (72, 1500, 1500)
    assert (aist["batch"], aist["epochs_alone"], aist["epochs_together"]) == (128, 500, 500)
    assert whole["joints"]["m2d"] == {"center": "twice", "scale": "per_coordinate_piece"}
    assert whole["joints"]["aist"] == {"center": "none", "scale": "per_coordinate_piece"}
    assert whole["bones"]["m2d"]["paper"] is whole["bones"]["aist"]["paper"] is True
    music = whole["music"]
    assert (music["m2d"]["sample_rate"], music["aist"]["sample_rate"]) == (12_800, 30_700)
    assert (music["m2d"]["resampler"], music["aist"]["resampler"]) == ("kaiser_fast", "kaiser_best")
    assert (music["m2d"]["pad_short"], music["aist"]["pad_short"]) == (True, False)
    segment = whole["segment"]
    assert (segment["m2d"]["excerpt_frames"], segment["aist"]["excerpt_frames"]) == (229, 425)
    assert (segment["m2d"]["segment_frames"], segment["aist"]["segment_frames"]) == (25, 25)
    assert segment["m2d"]["excerpts_per_class"] == 34
    assert (segment["m2d"]["choose"], segment["m2d"]["protocol"]) == ("first", "paper")
    assert (segment["aist"]["protocol"], segment["aist"]["excerpts_per_piece"]) == (
        "official", "first",
    )  # fmt: skip
    assert list(whole["datasets"]["m2d"]["labels"]) == ["C", "R", "T", "W"]
    assert list(whole["datasets"]["aist"]["labels"]) == [
        "gBR", "gPO", "gLO", "gMH", "gLH", "gHO", "gWA", "gKR", "gJS", "gJB",
    ]  # fmt: skip


def test_the_reader_gives_checked_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert reader.group(Train, "train", "m2d").batch == 72
    assert reader.group(Segment, "segment", "aist").excerpt_frames == 425
    assert isinstance(reader.group(DATASET, "datasets", "aist"), Aist)
    assert reader.group(TypeAdapter(list[int]), "seeds") == committed()["seeds"]
    with pytest.raises(UserError, match="m2d_mini"):
        reader.group(Train, "train", "nowhere")


def test_the_reader_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = committed()
    whole["train"]["aist"]["batch"] = 0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(whole), "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        reader.group(Segment, "segment", "m2d")  # a mistake in any group is an error
    assert caught.value.where == "train.aist.batch"


def test_the_reader_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        reader.group(Train, "train", "m2d")
    (tmp_path / "params.yaml").write_text("a: [", "utf-8")
    with pytest.raises(UserError, match="YAML"):
        reader.group(Train, "train", "m2d")
