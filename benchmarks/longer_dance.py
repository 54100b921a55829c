"""Does motion from music come nearer to the dance, or to the beat, if it trains for longer?

    python benchmarks/longer_dance.py TASK FOLD STEPS…

Trains M2S-Net as the stage `dance` does and goes on with M2S-GAN, on one fold, and measures the
generator after so many steps, beside the rivals of the table (docs/dance.md). The task's segments
and its corpus's keypoints have to be there. A run that is interrupted goes on where it was, in
data/TASK/checkpoints/longer_danceFOLD: remove that folder after a change of data or code. Writes
metrics/TASK/dance_longer.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.features.keypoints import clip_of
from motionmusic.files import Float32, write_json
from motionmusic.models.virtual_conductor import SyncNetwork
from motionmusic.params import Dance, Evaluate, group
from motionmusic.scoring import generated
from motionmusic.scoring.made_files import clips
from motionmusic.training.cell import git_revision
from motionmusic.training.checkpoint import Store
from motionmusic.training.dances import check_split, read_keypoint_dances, sides
from motionmusic.training.dancing import train_fold
from motionmusic.training.device import describe, pick_device

SEED = 0
PART = 32  # clips that the judge looks at together
ROWS = (generated.GENERATOR, "mean_pose", generated.ITSELF)
MEASURES = ("mpe", "bailando", "bailando_chance", "mint", "mint_chance", "sdp")


def main(given: Sequence[str]) -> None:
    """longer_dance.py TASK FOLD STEPS…"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("fold", type=int)
    parser.add_argument("steps", type=int, nargs="+")
    arguments = parser.parse_args(given)
    task, steps = arguments.task, sorted(arguments.steps)
    settings, evaluate = group(Dance, "dance", task), group(Evaluate, "evaluate")
    about, device = workspace.about(task), pick_device()
    folds = dict(workspace.folds(workspace.read_index(task)))
    if arguments.fold not in folds or steps[0] < 1:
        expected = f"a fold of {', '.join(map(str, folds))} and steps from 1 on"
        got = " ".join(map(str, (arguments.fold, *steps)))
        raise UserError("command line", "FOLD STEPS", expected, got, "give such numbers")
    ids = folds[arguments.fold]
    check_split(ids, task)
    read = read_keypoint_dances(about.corpus, sorted(set(ids["piece"])))
    beats = workspace.read_beats(about.corpus).query("kind == 'music'").groupby("piece")["time_s"]
    dances = generated.Dances(
        {name: dance.motion.numpy() for name, dance in read.items()},
        workspace.read_pieces(about.corpus).set_index("piece"),
        {str(piece): np.sort(times.to_numpy(np.float64)) for piece, times in beats},
        {arguments.fold: sides(ids)["train"]},
    )
    clip = partial(clip_of, excerpt_frames=about.excerpt_frames, rate_hz=about.motion_rate_hz)
    kept = workspace.data(task, "checkpoints", f"longer_dance{arguments.fold}")
    found = {}
    for count in steps:  # at a constant learning rate each goes on from the one before
        fold = train_fold(
            ids, read, clip, (settings.steps, count), SEED, partial(Store, kept), device
        )
        judge = fold.networks["judge"]
        assert isinstance(judge, SyncNetwork)

        @torch.inference_mode()
        def perceive(_: int, motions: Float32, judge: SyncNetwork = judge) -> Float32:
            parts = np.array_split(motions, -(-len(motions) // PART))
            seen = [judge.motion_encoder(torch.from_numpy(part)).numpy() for part in parts]
            return np.concatenate(seen)

        of = generated.Made(fold.motion, fold.neighbours, perceive)
        rows, frames = clips(fold.votes, about, [of])
        result = generated.evaluate(
            rows, frames, dances, [of], evaluate.seed, evaluate.resamples
        )  # fmt: skip
        validation = [row["validation_loss"] for row in _history(kept, arguments.fold)]
        found[str(count)] = (
            {
                "epochs": len(validation),
                "kept_epoch": int(np.argmin(validation)) + 1,
                "validation_loss": validation,
            }
            | {row: {name: result["rows"][row][name].json() for name in MEASURES} for row in ROWS}
            | {"generator_minus_mean_pose": result["differences"]["mean_pose"]["mpe"].json()}
        )
        content = {
            "fold": arguments.fold, "seed": SEED, "steps": settings.steps,
            "clips": result["clips"], "pieces": result["pieces"], "by_generator_steps": found,
            "git": git_revision(), "machine": describe(device),
        }  # fmt: skip
        write_json(workspace.metrics(task, "dance_longer.json"), content)


def _history(kept: Path, fold: int) -> list[dict[str, float]]:
    """An epoch a row, of the generator."""
    found = Store(kept, f"generator{fold}").load()
    assert found is not None
    history: list[dict[str, float]] = found[1]["history"]
    return history


if __name__ == "__main__":
    errors.run(main)
