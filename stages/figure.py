"""Figure 4 or 5: the confusion matrix of the paper's best cell, fused MCLEMCD-FC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import read_json, write_bytes
from motionmusic.params import DATASET, Segment, group
from motionmusic.results.figures import confusion_figure
from motionmusic.results.paper import printed_confusion
from motionmusic.results.tables import comparable


def beside_the_paper(name: str, dataset: str, segment: Segment) -> str:
    """What the caption says of the paper's figure."""
    title = name.replace("figure", "Figure ")
    if not comparable(dataset, segment):
        return f"The paper's {title} is of other data or another split and not comparable."
    counts, _ = printed_confusion(name)
    right, total = int(np.trace(counts)), int(counts.sum())
    text = f"The paper's {title}, one run: {100 * right / total:.2f} % ({right} of {total})."
    if name == "figure5":
        # O21: its axes are labelled in another order than its rows
        text += " The class names printed there are wrong, except break's (gBR)."
    return text


def main(given: Sequence[str]) -> None:
    """figure.py DATASET NAME."""
    dataset, name = workspace.arguments(given, "dataset", "name")
    labels = group(DATASET, "datasets", dataset).labels
    segment = group(Segment, "segment", dataset)
    file, remedy = (
        workspace.metrics(dataset, "evaluation.json"),
        "run `dvc repro` for the stage evaluate",
    )
    evaluation = read_json(file, remedy)
    codes, names = list(labels), list(labels.values())
    if evaluation["classes"] != names:
        # else the matrix would be cut or named wrongly
        raise UserError(file, "classes", ", ".join(names), ", ".join(evaluation["classes"]), remedy)
    # Figure 5 has the classes in the order of their codes, Figure 4 in the order of the labels.
    order = sorted(codes) if name == "figure5" else codes
    places = [codes.index(code) for code in order]
    counts = np.array(evaluation["cells"]["fc/fused"]["confusion"])[np.ix_(places, places)]
    seeds = evaluation["n_seeds"]
    summed = "one seed" if seeds == 1 else f"summed over {seeds} seeds"
    picture = confusion_figure(
        counts,
        [labels[code] for code in order],
        f"{name.replace('figure', 'Figure ')}. {dataset}: MCLEMCD-FC with collaborative learning,"
        f" fused (experiment {7 if name == 'figure5' else 3})",
        f"Counts of test segments, {summed}, protocol {segment.protocol}."
        f" {beside_the_paper(name, dataset, segment)}",
    )
    write_bytes(workspace.plots(dataset, f"{name}.png"), picture)


if __name__ == "__main__":
    errors.run(main)
