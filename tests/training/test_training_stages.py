"""Every training stage with recipe quick: what it writes, and that the commit decides no byte.

test_wiring.py and test_poison.py hold which rows, folds and weights decide what.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cotrain
import pandas as pd
import pytest
import train_longer
import train_motion
import train_music
from params_file import set_params
from small_task import digests

from motionmusic.errors import UserError
from motionmusic.training import cell
from motionmusic.training.folds import write_results

CELLS = Path("data/synthetic/cells")


def test_every_stage_trains_and_the_commit_decides_no_byte(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params({"train.synthetic.recipe": "quick", "cotrain.synthetic.epochs": 3})
    made = []
    for commit in ("one", "two"):
        monkeypatch.setattr(cell, "git_revision", lambda commit=commit: commit)
        train_motion.main(["synthetic", "merged", "0"])
        train_music.main(["synthetic", "0"])
        train_longer.main(["synthetic", "merged", "0"])
        cotrain.main(["synthetic", "merged", "fc", "0"])
        made.append(digests(CELLS))
    assert made[0] == made[1]
    motion = [f"fold{fold}{last}.safetensors" for fold in (0, 1) for last in ("", ".last")]
    music = [name.replace(".", f".{kind}.", 1) for name in motion for kind in ("plain", "dropout")]
    tested = ["fold0.safetensors", "fold1.safetensors"]
    rest = ["history.csv", "predictions.parquet"]
    wanted = {
        "motion-merged-0": [*motion, *rest], "music-0": [*music, "history.csv"],
        "longer-merged-0": [*tested, *rest], "cotrain-merged-fc-0": [*tested, *rest],
    }  # fmt: skip
    assert set(made[0]) == {f"{name}/{file}" for name, files in wanted.items() for file in files}
    assert not list(Path("data/synthetic/checkpoints").iterdir())
    for name in wanted:
        record = json.loads(Path(f"metrics/synthetic/runs/{name}.json").read_text("utf-8"))
        assert set(record) == {"git", "machine", "seconds"}
        assert record["git"] == "two"
        assert record["machine"]["precision"] == "fp32"
    histories = {name: pd.read_csv(CELLS / name / "history.csv") for name in wanted}
    assert [len(history) for history in histories.values()] == [2, 2, 3, 3]
    assert {"plain_reconstruction_loss", "dropout_reconstruction_loss"} < set(histories["music-0"])

    (CELLS / "motion-merged-0/fold1.last.safetensors").unlink()
    with pytest.raises(UserError, match=r"fold1\.last"):
        cotrain.main(["synthetic", "merged", "fc", "0"])
    assert (CELLS / "cotrain-merged-fc-0/history.csv").exists()  # the earlier result stays


def test_a_curve_is_the_mean_over_folds(tmp_path: Path) -> None:
    write_results(tmp_path, [[{"epoch": 1.0, "accuracy": share}] for share in (0.25, 0.75)])
    assert pd.read_csv(tmp_path / "history.csv").to_dict("list") == {
        "epoch": [1],
        "accuracy": [0.5],
    }


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
