"""``python -m motionmusic.scoring PRED.parquet [MORE.parquet …]`` prints a model's scores as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from motionmusic.errors import UserError, run
from motionmusic.files import rounded
from motionmusic.predictions import read_predictions
from motionmusic.scoring.accuracy import fuse, rows_of_split, score


def main(arguments: Sequence[str]) -> None:
    """Print the scores of a file of predictions, or of several that are fused, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m motionmusic.scoring", description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="PRED.parquet")
    parser.add_argument("--split", default="test", help="rows to score (default: test)")
    weights = "weights of the logits of the second, third, … file (default: 1 each)"
    parser.add_argument(
        "--alpha", nargs="+", action="extend", type=float, metavar="A", help=weights
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals (default: 0)")
    options = parser.parse_args(arguments)
    files: list[Path] = options.files
    alpha: list[float] = options.alpha or [1.0] * (len(files) - 1)
    if len(alpha) != len(files) - 1 or not np.isfinite(alpha).all():
        expected = f"{len(files) - 1} finite numbers, one for each file after the first"
        got, remedy = " ".join(map(str, alpha)), "leave --alpha out for weights of 1"
        raise UserError(parser.prog, "--alpha", expected, got, remedy)
    frames = [rows_of_split(read_predictions(file), options.split, file) for file in files]
    scores = score(fuse(frames, [1.0, *alpha], files), options.seed)
    print(json.dumps(rounded(scores), indent=2, allow_nan=False))


if __name__ == "__main__":
    run(main)
