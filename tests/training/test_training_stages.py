"""Every training stage with recipe quick: what it writes, and that nothing else decides its bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cotrain
import numpy as np
import pandas as pd
import pytest
import torch
import train_longer
import train_motion
import train_music
import yaml

from motionmusic.errors import UserError
from motionmusic.models.weights import load, load_into
from motionmusic.predictions import read_predictions
from motionmusic.training import cell, folds
from motionmusic.training.recipe import PAPER

CELLS = Path("data/synthetic/cells")


@pytest.fixture
def trained(
    space: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, str]]:
    """Trains every kind of cell on merged joints, and gives the digests of all that was written."""
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["train"]["synthetic"]["epochs"], params["cotrain"]["synthetic"]["epochs"] = 2, 3
    (space / "params.yaml").write_text(yaml.safe_dump(params))

    def train(longer: bool = True) -> dict[str, str]:
        train_motion.main(["synthetic", "merged", "0"])
        train_music.main(["synthetic", "0"])
        if longer:
            train_longer.main(["synthetic", "merged", "0"])
        cotrain.main(["synthetic", "merged", "fc", "0"])
        return {
            str(path.relative_to(CELLS)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(CELLS.rglob("*"))
            if path.is_file()
        }

    return train


def test_every_stage_trains_and_the_commit_decides_no_byte(
    trained: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "git_revision", lambda: "one")
    once = trained()
    motion = [f"fold{fold}{last}.safetensors" for fold in (0, 1) for last in ("", ".last")]
    music = [name.replace(".", f".{kind}.", 1) for name in motion for kind in ("plain", "dropout")]
    tested = ["fold0.safetensors", "fold1.safetensors"]
    rest = ["history.csv", "predictions.parquet"]
    wanted = {
        "motion-merged-0": [*motion, *rest],
        "music-0": [*music, "history.csv"],
        "longer-merged-0": [*tested, *rest],
        "cotrain-merged-fc-0": [*tested, *rest],
    }
    assert set(once) == {f"{name}/{file}" for name, files in wanted.items() for file in files}
    assert not list(Path("data/synthetic/checkpoints").iterdir())
    for name in wanted:
        record = json.loads(Path(f"metrics/synthetic/runs/{name}.json").read_text("utf-8"))
        assert set(record) == {"git", "machine", "seconds"}
        assert record["git"] == "one"
        assert record["machine"]["precision"] == "fp32"
    histories = {name: pd.read_csv(CELLS / name / "history.csv") for name in wanted}
    assert [len(history) for history in histories.values()] == [2, 2, 3, 3]
    assert {"plain_reconstruction_loss", "dropout_reconstruction_loss"} < set(histories["music-0"])
    predictions_are_those_of_the_weights_row_by_row()

    monkeypatch.setattr(cell, "git_revision", lambda: "two")
    assert trained() == once


def predictions_are_those_of_the_weights_row_by_row() -> None:
    """From the files of every fold, for the segment that each row names."""
    for name in ("motion-merged-0", "longer-merged-0", "cotrain-merged-fc-0"):
        table = read_predictions(CELLS / name / "predictions.parquet")
        assert len(table) == 2 * 24  # validation and test of two folds
        for fold in folds.read_folds("synthetic", "merged", PAPER, torch.device("cpu")):
            network = fold.encoder(4).eval()
            path = CELLS / name / f"fold{fold.number}.safetensors"
            state = load(path)
            part = {k.removeprefix("motion."): v for k, v in state.items()}
            own = set(network.state_dict())
            load_into(network, {k: v for k, v in part.items() if k in own}, path)
            rows = fold.ids[fold.ids["split"] == "test"]
            mine = table.merge(rows, on=["split", "piece", "excerpt", "segment", "label"])
            mine = mine[mine["split"] == "test"].drop_duplicates(["piece", "excerpt"])
            for piece, excerpt, *logits in mine[
                ["piece", "excerpt", "logit_0", "logit_1", "logit_2", "logit_3"]
            ].itertuples(index=False):
                (row,) = rows.index[(rows["piece"] == piece) & (rows["excerpt"] == excerpt)]
                found = network(fold.segments.motion[[row]])[1].detach().numpy()[0]
                np.testing.assert_allclose(logits, found, atol=1e-4)


def test_a_fold_starts_from_its_own_weights(trained: Callable[..., dict[str, str]]) -> None:
    """Other weights of fold 1 change nothing of fold 0; and missing ones are one error."""
    once = trained(longer=False)
    start = CELLS / "motion-merged-0" / "fold1.last.safetensors"
    start.write_bytes((CELLS / "motion-merged-0" / "fold0.last.safetensors").read_bytes())
    cotrain.main(["synthetic", "merged", "fc", "0"])
    for fold, same in ((0, True), (1, False)):
        name = f"cotrain-merged-fc-0/fold{fold}.safetensors"
        digest = hashlib.sha256((CELLS / name).read_bytes()).hexdigest()
        assert (digest == once[name]) == same
    start.unlink()
    with pytest.raises(UserError, match=r"fold1\.last"):
        cotrain.main(["synthetic", "merged", "fc", "0"])
    assert (CELLS / "cotrain-merged-fc-0/history.csv").exists()  # the earlier result stays


def test_the_optimiser_steps_as_pytorchs_and_imports_no_compiler() -> None:
    """Seconds of every start; each stage is a process of its own."""
    script = """
import sys, torch
from motionmusic.training.phases import adam
from motionmusic.models.weights import load_optimiser, optimiser_state
own = torch.nn.Linear(3, 2)
other = torch.nn.Linear(3, 2)
other.load_state_dict(own.state_dict())
def steps(network, optimiser):
    for _ in range(3):
        optimiser.zero_grad()
        network(torch.ones(1, 3)).square().sum().backward()
        optimiser.step()
mine = adam(own, 0.1)
steps(own, mine)
load_optimiser(mine, optimiser_state(mine))
steps(own, adam(own, 0.1, 0.01))
assert "torch._dynamo" not in sys.modules
steps(other, torch.optim.Adam(other.parameters(), lr=0.1, fused=True))
groups = [{"params": [other.weight], "weight_decay": 0.01}, {"params": [other.bias], "weight_decay": 0.0}]
steps(other, torch.optim.AdamW(groups, lr=0.1, fused=True))
assert torch.equal(own.weight, other.weight) and torch.equal(own.bias, other.bias)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
