"""What synchrony teaches about dance types: probes of its motion encoder, and fine-tuning it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional as F

from motionmusic import errors, workspace
from motionmusic.files import write_json, write_text
from motionmusic.models import synchrony
from motionmusic.models.matcher import network_of, read_about
from motionmusic.params import Evaluate, Synchrony, group
from motionmusic.predictions import make_predictions
from motionmusic.scoring.accuracy import accuracy_interval, at_level, paired_difference, per_piece
from motionmusic.scoring.baselines import log_probabilities
from motionmusic.training import weights
from motionmusic.training.device import keep_memory, pick_device
from motionmusic.training.fitting import fit
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.phases import seeded

ROWS = {
    "probe_untrained": "linear probe, untrained encoder",
    "probe_synchrony": "linear probe, encoder pretrained by synchrony",
    "scratch": "whole encoder, from scratch",
    "fine_tuned": "whole encoder, from synchrony",
}
PAIRS = (("probe_synchrony", "probe_untrained"), ("fine_tuned", "scratch"))


class Classifier(nn.Module):
    """The synchrony network's motion encoder, its codes' mean over time, one linear layer."""

    def __init__(self, codes: synchrony.MotionCodes, classes: int):
        super().__init__()
        self.codes = codes
        self.last = nn.Linear(synchrony.SIZE, classes)

    def forward(self, joints: Tensor) -> Tensor:
        logits: Tensor = self.last(self.codes(joints).mean(1))
        return logits


@torch.no_grad()
def features(codes: synchrony.MotionCodes, joints: Tensor) -> Any:
    """Mean and standard deviation over time of each segment's codes, (n, 128) NumPy."""
    codes.eval()
    blocks = [codes(block) for block in torch.split(joints, 256)]
    return torch.cat([torch.cat([x.mean(1), x.std(1)], 1) for x in blocks]).cpu().numpy()


def main(given: Sequence[str]) -> None:
    """pretraining.py DATASET SEED."""
    dataset, seed = workspace.arguments(given, "dataset", "seed")
    keep_memory()
    settings, evaluate, device = (
        group(Synchrony, "synchrony", dataset),
        group(Evaluate, "evaluate"),
        pick_device(),
    )
    folder = workspace.data(dataset, "matchers", f"synchrony-{seed}")
    about = read_about(folder)
    classes = len(about.labels)
    joints = torch.from_numpy(workspace.read_segments(dataset, "joints")).to(device)
    tested: dict[str, list[pd.DataFrame]] = {row: [] for row in ROWS}
    for fold, ids in workspace.folds(workspace.read_index(dataset)):
        chance = Chance(int(seed), ("pretraining", fold))
        split = {
            name: np.flatnonzero((ids["split"] == name).to_numpy())
            for name in ("train", "validation", "test")
        }
        labels = ids["label"].to_numpy(np.int64, copy=True)
        path = folder / f"fold{fold}.safetensors"
        encoders = {}
        for name in ("untrained", "synchrony"):
            with seeded(chance, "initial", device):  # the same untrained encoder in both
                network = cast(synchrony.SynchronyNetwork, network_of(about)).to(device)
                last = Classifier(network.motion, classes).last
            if name == "synchrony":
                weights.load_into(network, weights.load(path), path)
            encoders[name] = network.motion
            x = features(network.motion, joints)
            with threadpool_limits(limits=1):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
                found = log_probabilities(
                    model, x[split["train"]], labels[split["train"]], x[split["test"]], classes
                )
            tested[f"probe_{name}"].append(
                make_predictions(dataset, ids.iloc[split["test"]], found)
            )
        for row, name in (("scratch", "untrained"), ("fine_tuned", "synchrony")):
            classifier = Classifier(encoders[name], classes).to(device)
            classifier.last.load_state_dict(last.state_dict())
            found = fine_tuned(classifier, joints, labels, split, settings, chance, row)
            tested[row].append(make_predictions(dataset, ids.iloc[split["test"]], found))
    write(dataset, seed, {row: pd.concat(frames) for row, frames in tested.items()}, evaluate)


def fine_tuned(
    classifier: Classifier,
    joints: Tensor,
    labels: Any,
    split: dict[str, Any],
    settings: Synchrony,
    chance: Chance,
    row: str,
) -> Any:
    """Train all of it by cross-entropy; logits of the test segments, NumPy."""
    target = torch.from_numpy(labels).to(joints.device)
    rows = {name: torch.from_numpy(part).to(joints.device) for name, part in split.items()}

    def losses(part: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        logits = classifier(joints[part])
        right = (logits.argmax(1) == target[part]).sum()
        return {"motion": F.cross_entropy(logits, target[part])}, right

    schedule = Schedule(
        min(36, len(rows["train"])), settings.classify_epochs, settings.learning_rate, "one_cycle",
        "fp32",
    )  # fmt: skip
    whose = Chance(chance.seed, (*chance.cell, row))
    fit(classifier, losses, rows["train"], rows["validation"], schedule, whose)
    with torch.no_grad():
        return torch.cat(
            [classifier(joints[part]) for part in torch.split(rows["test"], 256)]
        ).cpu().numpy()  # fmt: skip


def write(
    dataset: str, seed: str, predictions: dict[str, pd.DataFrame], settings: Evaluate
) -> None:
    """Accuracy of test segments with intervals over pieces, and the paired differences."""
    counts = {row: per_piece(at_level(frame, "segment")) for row, frame in predictions.items()}
    rows = {}
    for row, found in counts.items():
        low, high = accuracy_interval(
            found["right"], found["n"], settings.seed, resamples=settings.resamples
        )
        rows[row] = {"value": found["right"].sum() / found["n"].sum(), "low": low, "high": high}
    differences = {
        f"{a} - {b}": dict(zip(("value", "low", "high"), paired_difference(
            counts[a]["right"], counts[b]["right"], counts[a]["n"], settings.seed,
            resamples=settings.resamples,
        ), strict=True))
        for a, b in PAIRS
    }  # fmt: skip
    first = next(iter(counts.values()))
    result = {
        "segments": int(first["n"].sum()), "pieces": len(first), "rows": rows,
        "differences": differences,
    }  # fmt: skip
    write_json(workspace.metrics(dataset, f"pretraining-{seed}.json"), result)
    frame = pd.DataFrame([{"row": row, **value} for row, value in {**rows, **differences}.items()])
    write_text(
        workspace.metrics(dataset, f"pretraining-{seed}.csv"),
        frame.to_csv(index=False, float_format="%.6g"),
    )
    lines = [
        f"**Dance types from the synchrony network's motion encoder, {dataset}.** Accuracy per test"
        f" segment in percent, {result['segments']} segments of {result['pieces']} pieces; 95 %"
        " intervals over pieces; differences are paired.", "", "| | accuracy |", "|---|---|",
    ]  # fmt: skip
    lines += [f"| {ROWS[row]} | {_text(value)} |" for row, value in rows.items()]
    lines += [
        f"| pretraining adds ({'probe' if a.startswith('probe') else 'whole encoder'}) |"
        f" {_text(differences[f'{a} - {b}'], sign='+')} |"
        for a, b in PAIRS
    ]
    write_text(workspace.metrics(dataset, f"pretraining-{seed}.md"), "\n".join(lines) + "\n")


def _text(number: dict[str, float], sign: str = "") -> str:
    value, low, high = (f"{100 * number[key]:{sign}.1f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    errors.run(main)
