"""The stage dance on the small task: what it writes, and the same bytes after kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dance
import numpy as np
import pandas as pd
import pytest
from small_task import DATA, TASK, digests, few, keep_few

from motionmusic.errors import UserError
from motionmusic.models.conductor import conducted
from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
from motionmusic.training import adversarial, dancing
from motionmusic.training.checkpoint import Store
from motionmusic.training.dances import read_keypoint_dances

MADE, INDEX = DATA / "dance/0", DATA / "segments/index.parquet"


@pytest.fixture
def heard(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small task's first fold with two pieces a side, in which short clips are enough."""
    monkeypatch.setattr(dancing, "CLIP_S", 2)
    monkeypatch.setattr(dancing, "BATCH", 2)
    monkeypatch.setattr(adversarial, "CLIP_S", 3)
    keep_few()
    pd.read_parquet(INDEX).query("fold == 0").to_parquet(INDEX)
    return small


def what_it_writes() -> None:
    known = json.loads((MADE / "dance.json").read_text())["folds"]
    assert known == {"0": {side: few(0, side) for side in ("test", "train", "validation")}}
    for name in ("synchrony", "judge"):
        load_sync_network(read(MADE / f"fold0_{name}.safetensors"))
    # motion is the generator's, for the dance's own music
    generator = load_generator(read(MADE / "fold0_generator.safetensors"))
    (piece, *_) = few(0, "test")
    own = read_keypoint_dances(TASK, [piece])[piece]
    motion = np.load(MADE / f"motion/{piece}.npy")
    assert len(motion) == len(own.motion)
    np.testing.assert_array_equal(motion, conducted(generator, own.music.numpy(), 0, smooth=False))
    assert {path.stem for path in (MADE / "motion").iterdir()} == set(few(0, "test"))
    votes = pd.read_csv(MADE / "votes.csv")
    assert len(votes) == 4
    shares = votes.drop(columns=["fold", "piece", "excerpt"]).to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    for row in pd.read_csv(MADE / "neighbours.csv").to_dict("records"):
        assert row["neighbour"] in few(row["fold"], "train")
        assert 0 <= row["neighbour_start"] < len(own.motion)
    record = json.loads(Path("metrics/synthetic/music_runs/dance-0.json").read_text())
    assert set(record) == {"git", "machine", "seconds"}
    assert not (DATA / "checkpoints/dance-0").exists()


def test_what_it_writes_is_the_same_after_kills(
    heard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dance.main([TASK, "0"])
    what_it_writes()
    once, save = digests(DATA / "dance"), Store.save

    for victim in ("judge0", "generator0"):

        def killed(self: Store, *given: Any, victim: str = victim, **named: Any) -> None:
            save(self, *given, **named)
            if self.name == victim:
                raise KeyboardInterrupt

        monkeypatch.setattr(Store, "due", lambda self, *, last: True)
        monkeypatch.setattr(Store, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            dance.main([TASK, "0"])
        assert digests(DATA / "dance") == once  # earlier results stay until all is done
    monkeypatch.setattr(Store, "save", save)
    dance.main([TASK, "0"])
    assert digests(DATA / "dance") == once


@pytest.mark.parametrize("what", ["two sides", "too short"])
def test_what_cannot_be_learned_from_is_one_error(
    heard: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "two sides":
        index = pd.read_parquet(INDEX)
        index["split"] = np.where(index["excerpt"] == 0, "train", "test")
        index.to_parquet(INDEX)
        expected = "a split by piece"
    else:
        monkeypatch.setattr(dancing, "CLIP_S", 30)
        expected = f"{', '.join(few(0, 'train'))} shorter"
    with pytest.raises(UserError, match=expected):
        dance.main([TASK, "0"])
    assert not list((DATA / "dance").iterdir())
