"""Trainings that only take down what they are given, for the tests of the stages' wiring."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import pytest
import torch
from params_file import set_params
from small_task import CHANNELS, FOLDS, TASK, write_weights

from motionmusic.models import weights
from motionmusic.training import adversarial, dancing, in_time, phases
from motionmusic.training.loop import Chance, Run, Schedule


class Given(NamedTuple):
    """What one training was given."""

    networks: list[dict[str, torch.Tensor]]
    moments: list[torch.Tensor]  # of each optimiser's first parameter
    decays: list[float]  # of each optimiser
    rows: list[Any]
    checked: list[Any]  # rows that may choose an epoch
    losses: dict[str, float]  # of all these rows, without dropout
    schedule: Schedule
    at: int  # after how many epochs the weights are tested
    chance: Chance
    store: str  # where its checkpoints lie, empty where it has none


EPOCHS = {"train.synthetic": 3, "cotrain.synthetic": 5, "match": 4, "synchrony.synthetic": 6}


def taken_down(monkeypatch: pytest.MonkeyPatch) -> list[Given]:
    """What all trainings of a test are given from now on.

    The weights that are tested are those given; after that epoch every weight gets larger by 1.
    """
    set_params({f"{name}.epochs": epochs for name, epochs in EPOCHS.items()})
    taken: list[Given] = []

    def optimise(
        networks: Any, optimisers: Any, losses: Any, rows: Any, schedule: Any, chance: Any,
        between: Any, store: Any = None,
    ) -> Run:  # fmt: skip
        states = [{k: v.clone() for k, v in n.state_dict().items()} for n in networks]
        first = [weights.optimiser_state(o).get("0.exp_avg", torch.zeros(1)) for o in optimisers]
        decays = [o.param_groups[0]["weight_decay"] for o in optimisers]
        named = {}
        if chance.cell[0] in ("train_motion", "train_music", "train_longer", "cotrain"):
            networks[0].eval()
            with torch.no_grad():
                named = {name: float(value) for name, value in losses(rows)[0].items()}
        elif chance.cell[:2] == ("conduct", "generator"):
            losses(rows)
        checked = between.segments.validation if hasattr(between, "segments") else []
        checked = getattr(between, "rows", checked)
        checked = torch.as_tensor(checked).tolist()
        kept = "" if store is None else f"{store.folder}/{store.name}"
        at = getattr(between, "at", schedule.epochs)
        taken.append(
            Given(states, first, decays, rows.tolist(), checked, named, schedule, at, chance, kept)
        )
        between.after_epoch(at - 1)
        with torch.no_grad():
            for parameter in [p for n in networks for p in n.parameters() if p.requires_grad]:
                parameter += 1
        return Run([{"epoch": 1.0}], 0.0)

    monkeypatch.setattr(phases, "optimise", optimise)
    monkeypatch.setattr(adversarial, "optimise", optimise)
    monkeypatch.setattr(in_time, "CLIP_FRAMES", 50)
    monkeypatch.setattr(in_time, "_WHOLE", 50 + 2 * in_time.LAG)
    monkeypatch.setattr(dancing, "CLIP_S", 2)
    monkeypatch.setattr(adversarial, "CLIP_S", 3)
    return taken


def run(call: str) -> None:
    """A stage on the small task, by its name and what follows the task."""
    stage, *arguments = call.split()
    import_module(stage).main([TASK, *arguments])


def write_starts() -> None:
    """What phase 1 leaves, of all inputs and of two seeds."""
    for fold in range(FOLDS):
        for seed in (0, 1):
            for kind in CHANNELS:
                write_weights(f"motion-{kind}-{seed}/fold{fold}.last")
            for kind in ("plain", "dropout"):
                write_weights(f"music-{seed}/fold{fold}.{kind}.last")
