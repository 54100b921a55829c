"""params.yaml validates, and is the only place that has values."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from closure import ROOT
from params_file import committed_params, set_params
from pydantic import BaseModel, TypeAdapter, ValidationError

from motionmusic import params
from motionmusic.errors import UserError
from motionmusic.params import CORPUS, Aist, Dance, Schema, Segment, Train, group

MODELS = [
    model
    for _, model in inspect.getmembers(params, inspect.isclass)
    if issubclass(model, BaseModel) and model.__module__ == params.__name__
]


def at(whole: dict[str, Any], path: str) -> dict[str, Any]:
    for key in filter(None, path.split(".")):
        whole = whole[key]
    return whole


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every key that may not be left out: not the free ones, names of corpora, tasks and labels."""
    for key, item in value.items():
        if isinstance(item, dict) and key != "labels":
            yield from leaves(item, (*path, key))
        else:
            yield ".".join((*path, key))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_field_has_a_default_and_no_other_key_is_allowed(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.is_required()] == []
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("strict") is True


def test_no_key_may_be_left_out() -> None:
    whole = committed_params()
    Schema.model_validate(whole)
    for path in leaves(whole):
        broken = copy.deepcopy(whole)
        *groups, last = path.split(".")
        del at(broken, ".".join(groups))[last]
        with pytest.raises(ValidationError):
            Schema.model_validate(broken)


@pytest.mark.parametrize(
    "path", ["", "train.m2d.paper", "segment.synthetic", "corpora.m2d", "match"]
)
def test_no_key_may_be_added(path: str) -> None:
    whole = committed_params()
    at(whole, path)["epoch"] = 3
    with pytest.raises(ValidationError, match="epoch"):
        Schema.model_validate(whole)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("train.m2d.paper.batch", "72"), ("train.m2d.paper.batch", 72.0),
        ("train.m2d.paper.width", 63), ("bones.m2d.paper", 1), ("joints.m2d.center", "thrice"),
        ("joints.aist.center", "once"), ("segment.m2d.paper.folds", 5),
        ("segment.m2d_mini.folds", 2), ("segment.m2d_mini.excerpt_frames", 24),
        ("music.m2d.sample_rate", 16_000), ("train.aist.official.epochs", 100),
        ("cotrain.aist.official.epochs", 100), ("train.aist.official.schedule", "one_cycle"),
        ("train.aist.official.recipe", "quick"), ("seeds", [0, 0]), ("seeds", []),
        ("benchmark.entries", ["../entry"]), ("corpora.m2d.labels", {"C": "Cha-cha"}),
        ("corpora.own.source", "folders"),
    ],
)  # fmt: skip
def test_wrong_or_contradictory_values_are_errors(path: str, value: object) -> None:
    whole = committed_params()
    *groups, last = path.split(".")
    at(whole, ".".join(groups))[last] = value
    with pytest.raises(ValidationError):
        Schema.model_validate(whole)


def test_the_papers_settings() -> None:
    """What params.yaml says of the paper's own corpora (docs/method.md)."""
    whole = committed_params()
    aist = whole["train"]["aist"]["official"]
    assert (aist["width"], aist["batch"], aist["learning_rate"]) == (64, 128, 5e-4)
    assert (aist["schedule"], aist["select"]) == ("constant", "last_hundred")
    assert (aist["epochs"], whole["cotrain"]["aist"]["official"]["epochs"]) == (500, 500)
    assert whole["joints"]["m2d"] == {"center": "twice", "scale": "per_coordinate_piece"}
    assert whole["joints"]["aist"] == {"center": "none", "scale": "per_coordinate_piece"}
    assert whole["bones"]["m2d"]["paper"] is whole["bones"]["aist"]["paper"] is True
    music = whole["music"]
    assert (music["m2d"]["sample_rate"], music["aist"]["sample_rate"]) == (12_800, 30_700)
    assert (music["m2d"]["resampler"], music["aist"]["resampler"]) == ("kaiser_fast", "kaiser_best")
    assert (music["m2d"]["pad_short"], music["aist"]["pad_short"]) == (True, False)
    m2d, official = whole["segment"]["m2d"], whole["segment"]["aist"]["official"]
    assert (m2d["paper"]["excerpt_frames"], official["excerpt_frames"]) == (229, 425)
    assert [m2d[task]["protocol"] for task in ("paper", "published")] == ["paper", "published"]
    assert [m2d[task]["excerpts"] for task in ("paper", "published")] == [34, 34]
    assert (m2d["paper"]["choose"], official["choose"]) == ("first", "one")
    assert list(whole["corpora"]["m2d"]["labels"]) == ["C", "R", "T", "W"]
    assert list(whole["corpora"]["aist"]["labels"]) == [
        "gBR", "gPO", "gLO", "gMH", "gLH", "gHO", "gWA", "gKR", "gJS", "gJB",
    ]  # fmt: skip


def test_the_reader_gives_checked_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert group(Train, "train", "m2d.paper").batch == 36
    assert group(Segment, "segment", "aist.official").excerpt_frames == 425
    assert group(Dance, "dance", "synthetic").steps == 100
    assert isinstance(group(CORPUS, "corpora", "aist"), Aist)
    assert group(TypeAdapter(list[int]), "seeds") == committed_params()["seeds"]
    with pytest.raises(UserError, match="m2d_mini"):
        group(Train, "train", "nowhere")


def test_the_reader_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    set_params({"train.aist.official.batch": 0})
    with pytest.raises(UserError) as caught:
        group(Segment, "segment", "m2d.paper")  # a mistake in any group is an error
    assert caught.value.where == "train.aist.official.batch"


def test_a_number_with_an_exponent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML 1.1 takes 1e-3 for text."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text("utf-8")
    first = re.search(r"learning_rate: [0-9.e-]+", text)
    assert first
    Path("params.yaml").write_text(text.replace(first[0], "learning_rate: 1e-3"))
    rates = [group(Train, "train", task).learning_rate for task in ("m2d.paper", "synthetic")]
    assert 0.001 in rates


@pytest.mark.parametrize(("text", "message"), [(None, "no such file"), ("a: [", "YAML")])
def test_the_reader_without_a_file(
    text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "params.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=message):
        group(Train, "train", "m2d.paper")
