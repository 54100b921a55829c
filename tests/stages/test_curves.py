"""One file of curves for one plot: every cell that classifies, of the chosen seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from closure import ROOT
from curves import main


def test_curves_are_those_of_the_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8")) | {"seeds": [0, 1]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    history = tmp_path / "plots" / "m2d" / "history"
    history.mkdir(parents=True)
    for name in ("motion-joints-0", "cotrain-joints-fc-1", "motion-joints-2"):
        (history / f"{name}.csv").write_text("epoch,motion_loss,accuracy\n1,2.0,0.25\n2,1.0,0.5\n")
    (history / "music-plain-0.csv").write_text("epoch,reconstruction_loss\n1,2.0\n")
    monkeypatch.chdir(tmp_path)
    main(["m2d"])
    table = pd.read_csv("plots/m2d/curves.csv")
    assert list(table.columns) == ["cell", "epoch", "accuracy"]
    assert table["cell"].tolist() == ["cotrain-joints-fc-1"] * 2 + ["motion-joints-0"] * 2
    assert table["accuracy"].tolist() == [0.25, 0.5] * 2
