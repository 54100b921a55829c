"""The stages of matching on a small data set: what they write, the same bytes twice, kill and go on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import match
import match_category
import match_synchrony
import matching
import numpy as np
import pandas as pd
import pretraining
import pytest
import recommend
import torch
import yaml
from closure import ROOT

from motionmusic.errors import UserError
from motionmusic.features.skeletons import MUSICTODANCE, paper_graph
from motionmusic.files import write_array, write_text
from motionmusic.models import deconfounded, weights
from motionmusic.models.mapping import mapping
from motionmusic.models.matcher import load, trained
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder

BY_CODES = ("mapping", "unmapped", "contrastive", "infonce", "deconfounded")
METHODS = ("category", "synchrony", *BY_CODES)
PIECES, EXCERPTS, SEGMENTS, WIDTH = 12, 2, 4, 4
DATA = Path("data/synthetic")


def changed(space: Path, **groups: dict[str, object]) -> None:
    """Other values for keys of params.yaml, before a stage has read it (it is read once)."""
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    for name, values in groups.items():
        group = params[name]
        (group["synthetic"] if name == "synchrony" else group).update(values)
    (space / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture
def matched(space: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pieces of two excerpts, two folds split by piece, and random cotrained networks."""
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["segment"]["synthetic"] |= {"excerpt_frames": 25 * SEGMENTS}
    changed(
        space,
        match={"size": 4, "epochs": 2, "batch": 16},
        deconfounded={"hardest": 3},
        synchrony={"channels": 4, "blocks": 1, "clip_frames": 50, "epochs": 2, "batch": 4,
                   "classify_epochs": 1},
        matching={"negatives": 5, "top": 2},
        evaluate={"resamples": 100},
        segment=params["segment"],
    )  # fmt: skip
    rng = np.random.default_rng(0)
    n = PIECES * EXCERPTS * SEGMENTS
    folder = space / DATA
    write_array(folder / "segments/joints.npy", rng.random((n, 3, 25, 23)).astype(np.float32))
    write_array(folder / "segments/music.npy", rng.random((n, 1, 96, 25)).astype(np.float32))
    names = [f"P_{piece}" for piece in range(PIECES)]
    index = [
        {"split": ("test", "validation", "train")[(piece // 4 + fold) % 3], "fold": fold,
         "piece": names[piece], "excerpt": excerpt, "segment": segment, "label": piece % 4}
        for fold in range(2) for piece in range(PIECES) for excerpt in range(EXCERPTS)
        for segment in range(SEGMENTS)
    ]  # fmt: skip
    pd.DataFrame(index).to_parquet(folder / "segments/index.parquet")
    pieces = pd.DataFrame(
        {"piece": names, "label": [piece % 4 for piece in range(PIECES)], "frames": 250,
         "motion_rate_hz": 25.0, "music_file": [f"{name}.wav" for name in names],
         "music_start_s": 0.5}
    )  # fmt: skip
    write_text(folder / "pieces.csv", pieces.to_csv(index=False))
    tempo = pieces[["piece", "music_file"]].assign(
        music_bpm=np.linspace(90, 150, PIECES), motion_bpm=np.linspace(150, 90, PIECES)
    )
    tempo.loc[3, ["music_bpm", "motion_bpm"]] = np.nan
    write_text(folder / "tempo.csv", tempo.to_csv(index=False))
    beats = [
        {"piece": name, "kind": kind, "time_s": float(at)}
        for name in names for kind in ("music", "motion_mint", "motion_bailando")
        for at in np.sort(rng.uniform(0, 10, 15))
    ]  # fmt: skip
    pd.DataFrame(beats).to_parquet(folder / "beats.parquet")
    graph = torch.from_numpy(paper_graph(MUSICTODANCE))
    for kind in ("joints", "bones"):
        for fold in range(2):
            state = weights.prefixed(
                motion=MotionEncoder(3, graph, 4, WIDTH).state_dict(),
                music=MusicAutoencoder(2 * WIDTH).state_dict(),
                mapping=mapping(4 * WIDTH).state_dict(),
            )
            path = folder / "models" / f"cotrain-{kind}-fc-0" / f"fold{fold}.safetensors"
            weights.save(path, state, {})
    return space


def run(methods: Sequence[str]) -> None:
    for method in methods:
        if method == "category":
            match_category.main(["synthetic", "0"])
        elif method == "synchrony":
            match_synchrony.main(["synthetic", "0"])
        else:
            match.main(["synthetic", method, "0"])


def bytes_of(folder: Path) -> dict[str, str]:
    """Every file of a folder with its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def outputs(space: Path) -> dict[str, str]:
    folder = space / DATA
    return bytes_of(folder / "matchers") | bytes_of(folder / "matches")


@pytest.mark.slow
def test_all_stages_run_and_run_again_to_the_same_bytes(matched: Path) -> None:
    made = []
    for _ in range(2):
        run(METHODS)
        made.append(outputs(matched))
    assert made[0] == made[1]
    assert len(made[0]) == len(METHODS) * 4 + 1  # two folds, matcher.json, scores; synchrony's test
    assert {about.method for _, about in trained(matched)} == set(METHODS)
    assert not (matched / DATA / "checkpoints/synchrony-0").exists()

    for method in METHODS:
        frame = pd.read_parquet(matched / DATA / "matches" / f"{method}-0.parquet")
        # in each of two folds eight queries against all 24 excerpts
        assert len(frame) == 2 * 8 * PIECES * EXCERPTS
        assert list(frame) == [
            "fold", "piece", "excerpt", "candidate", "candidate_excerpt", "score",
        ]  # fmt: skip
        assert np.isfinite(frame["score"]).all()
        record = json.loads(
            (matched / "metrics/synthetic/runs" / f"match-{method}-0.json").read_text("utf-8")
        )
        assert set(record) >= {"params", "inputs", "machine", "seconds"}
    scores_are_those_of_the_saved_matchers(matched)

    matching.main(["synthetic"])
    recommend.main(["synthetic"])
    pretraining.main(["synthetic", "0"])
    metrics = matched / "metrics/synthetic"
    found = json.loads((metrics / "matching.json").read_text("utf-8"))
    assert (found["queries"], found["tracks"], found["negatives"]) == (16, PIECES, 5)
    assert set(found["rows"]) == {*METHODS, "chance", "tempo", "known"}
    # two other tracks of a category among eleven, and six negatives' right one
    assert found["rows"]["chance"]["hit_1"]["value"] == pytest.approx(2 / 11, rel=1e-4)
    assert found["rows"]["chance"]["among_1"]["value"] == pytest.approx(1 / 6, rel=1e-4)
    assert found["rows"]["known"]["hit_1"]["value"] == 1
    right = found["synchrony"]["right"]
    assert right["shift_0"]["value"] == 0.5
    assert set(right) == {"easy", "hard", "super_hard", *(f"shift_{n}" for n in range(-25, 26))}
    assert (matched / "plots/synthetic/matching.png").read_bytes().startswith(b"\x89PNG")
    probes = json.loads((metrics / "pretraining-0.json").read_text("utf-8"))
    assert set(probes["rows"]) == set(pretraining.ROWS)
    recommended_are_others_and_enough(matched)


def scores_are_those_of_the_saved_matchers(matched: Path) -> None:
    """From the files alone, as the program scores a dance it has never seen."""
    joints = np.load(matched / DATA / "segments/joints.npy")
    music = np.load(matched / DATA / "segments/music.npy")
    index = pd.read_parquet(matched / DATA / "segments/index.parquet")
    ids = index[index["fold"] == 1].reset_index(drop=True)
    rows = ids.groupby(["piece", "excerpt"]).groups
    for method in METHODS:
        of = load(matched / DATA / "matchers" / f"{method}-0", 1)
        frame = pd.read_parquet(matched / DATA / "matches" / f"{method}-0.parquet")
        frame = frame[frame["fold"] == 1].iloc[::37]
        for row in frame.itertuples():
            dance = joints[rows[row.piece, row.excerpt]]
            sound = rows[row.candidate, row.candidate_excerpt]
            if method == "category":
                votes = of.logits(dance).argmax(1).tolist()
                most = max(votes, key=votes.count)
                assert row.score == (most == ids["label"][sound[0]])
                continue
            score = of.scores([of.motion_code(dance)], [of.music_code(music[sound])])
            assert row.score == pytest.approx(float(score[0, 0]), rel=1e-4, abs=1e-4)


def recommended_are_others_and_enough(matched: Path) -> None:
    table = pd.read_csv(matched / DATA / "recommendations.csv")
    assert len(table) == 16 * len(METHODS) * 2
    assert (table["track"] != table["piece"] + ".wav").all()
    for _, rows in table.groupby(["method", "piece", "excerpt"]):
        assert rows["rank"].tolist() == [1, 2]
        assert rows["track"].nunique() == 2
        if rows["method"].iloc[0] == "category":
            assert rows["track_category"].nunique() == 1
        else:
            assert rows["score"].is_monotonic_decreasing
    starts = table["track_start_s"].unique()
    assert set(starts) <= {0.5, 0.5 + SEGMENTS}  # an excerpt is as many seconds


@pytest.mark.slow
def test_every_method_learns_from_its_own_stream_of_chance(matched: Path) -> None:
    """InfoNCE does not depend on what was trained before it in the process."""
    run(["infonce"])
    alone = outputs(matched)
    torch.rand(17)
    run(["contrastive", "infonce"])
    assert {name: value for name, value in outputs(matched).items() if name in alone} == alone


def test_info_nce_starts_at_the_temperature_of_params(matched: Path) -> None:
    """With hardly any learning the scale stays where it starts."""
    changed(matched, match={"temperature": 0.05, "learning_rate": 1e-9, "epochs": 1})
    run(["infonce"])
    state = weights.load(matched / DATA / "matchers/infonce-0/fold0.safetensors")
    assert float(state["head.log_scale"].exp()) == pytest.approx(20, rel=1e-3)


def test_a_track_that_is_danced_more_often_weighs_less(
    matched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four training pieces, two of them with one sound: weights 1/2 and 1, brought to a mean of 1."""
    index = pd.read_parquet(matched / DATA / "segments/index.parquet")
    ids = index[index["fold"] == 0].reset_index(drop=True)
    train = sorted(ids[ids["split"] == "train"]["piece"].unique())
    numbers = {piece: max(1, number) for number, piece in enumerate(train)}
    # elsewhere the last of them may be danced as often as it likes
    tracks = torch.tensor([numbers.get(piece, 3) for piece in ids["piece"]])
    seen: list[torch.Tensor] = []

    def loss(*given: torch.Tensor, **_: object) -> dict[str, torch.Tensor]:
        seen.append(given[5])
        return {}

    monkeypatch.setattr(deconfounded, "loss", loss)
    head = deconfounded.Deconfounded(4, 4, 4, backdoor=True)
    z = torch.randn(len(ids), 4)
    losses = match.deconfounded_losses(head, ids, z, z, tracks, 10, None)
    losses(torch.arange(len(ids)))
    rows = ids["split"] == "train"
    weight = pd.Series(seen[0].numpy())[rows]
    by_piece = weight.groupby(ids["piece"][rows]).mean()
    assert weight.mean() == pytest.approx(1)
    twice, once = by_piece[train[0]], by_piece[train[2]]
    assert by_piece[train[1]] == twice
    assert once == by_piece[train[3]] == pytest.approx(2 * twice)
    # every genre is as frequent among the training segments as it is there
    shares = ids[rows]["label"].value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(head.prior.numpy(), shares.to_numpy())


def test_a_split_without_whole_excerpts_is_one_error(matched: Path) -> None:
    """By movement unit: every excerpt has segments on several sides."""
    index = pd.read_parquet(matched / DATA / "segments/index.parquet")
    index["split"] = index["segment"].map({0: "train", 1: "validation", 2: "test", 3: "dropped"})
    index.to_parquet(matched / DATA / "segments/index.parquet")
    with pytest.raises(UserError) as error:
        match_synchrony.main(["synthetic", "0"])
    assert error.value.where == "segment.synthetic.protocol"
    assert "by piece" in error.value.remedy
    assert not (matched / DATA / "matches").exists()


def test_a_split_with_one_piece_on_a_side_is_one_error(matched: Path) -> None:
    index = pd.read_parquet(matched / DATA / "segments/index.parquet")
    lonely = (index["split"] == "validation") & (index["piece"] != "P_0")
    index.loc[lonely & (index["fold"] == 1), "split"] = "train"
    index.to_parquet(matched / DATA / "segments/index.parquet")
    with pytest.raises(UserError, match="two pieces"):
        match_synchrony.main(["synthetic", "0"])


def test_clips_as_long_as_excerpts_are_one_error(matched: Path) -> None:
    changed(matched, synchrony={"clip_frames": 25 * SEGMENTS})
    with pytest.raises(UserError) as error:
        match_synchrony.main(["synthetic", "0"])
    assert error.value.where == "synchrony.clip_frames"


def test_missing_weights_are_one_error(matched: Path) -> None:
    (matched / DATA / "models/cotrain-joints-fc-0/fold1.safetensors").unlink()
    for method in ("mapping", "category"):
        with pytest.raises(UserError, match="fold1"):
            run([method])
    assert not (matched / DATA / "matchers").exists()


def test_missing_scores_are_one_error(matched: Path) -> None:
    with pytest.raises(UserError, match="category-0"):
        matching.main(["synthetic"])
    path = matched / DATA / "matches/category-0.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(UserError, match="a parquet file"):
        recommend.main(["synthetic"])


# The stage as DVC runs it, with a checkpoint after every epoch; killed after so many of them.
EAGER = """
import os, runpy, signal, sys
import motionmusic.training.checkpoint as checkpoint
init, save, left = checkpoint.Store.__init__, checkpoint.Store.save, [int(sys.argv.pop(1))]
def eager(self, folder, name):
    init(self, folder, name, 0.0, float("inf"))
def saved(self, *given, **named):
    save(self, *given, **named)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.Store.__init__, checkpoint.Store.save = eager, saved
script = sys.argv.pop(1)
sys.argv[0] = script
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""


def start(kill_after: int) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    environment.pop("DVC_STAGE", None)
    script = str(ROOT / "stages/match_synchrony.py")
    return subprocess.run(
        [sys.executable, "-c", EAGER, str(kill_after), script, "synthetic", "0"],
        stderr=subprocess.PIPE, text=True, env=environment, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_synchrony_goes_on_to_the_same_bytes(matched: Path) -> None:
    changed(matched, synchrony={"epochs": 5})
    assert start(0).returncode == 0
    expected = outputs(matched)
    for path in (matched / DATA / "matchers", matched / DATA / "matches"):
        path.rename(path.with_name(f"{path.name}-whole"))
    # in the first fold, in its last epoch, in the second fold
    for kill_after in (2, 3, 2):
        assert start(kill_after).returncode == -signal.SIGKILL
        assert not (matched / DATA / "matches").exists()
        kept = list((matched / DATA / "checkpoints/synchrony-0").rglob("fold*.safetensors"))
        assert kept
    begun = time.monotonic()
    done = start(0)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 120
    assert outputs(matched) == expected
    assert not (matched / DATA / "checkpoints/synchrony-0").exists()
