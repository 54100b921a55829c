"""What a training does on CUDA: as one graph the same as step by step, and as on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_phases import K, segments

from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.training import loop, phases
from motionmusic.training.augment import Augmentation, body, neighbours
from motionmusic.training.checkpoint import Store
from motionmusic.training.device import pick_device, pick_precision
from motionmusic.training.folds import Segments
from motionmusic.training.loop import Chance, Schedule
from motionmusic.training.recipe import PAPER, QUICK, Recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
EPOCHS = 6  # of two steps: three that warm up, one that is captured, eight more


def on(device: torch.device, recipe: Recipe) -> Segments:
    s = segments()
    music, train = s.music.to(device), s.train.to(device)
    motion = torch.rand(8, 3, 25, 23, generator=torch.Generator().manual_seed(2)).to(device)
    augmentation = None
    if recipe.augments:
        of = body("joints", "musictodance", "per_piece", paper_bones=False).to(device)
        ends = neighbours(train, np.arange(8), 25)
        augmentation = Augmentation(recipe, of, ends)
    return Segments(
        motion, music, s.labels.to(device), train, s.validation.to(device), augmentation
    )


def run(
    variant: str,
    device: str = "cuda",
    precision: Any = "fp32",
    kind: Any = "constant",
    recipe: Recipe = PAPER,
    store: Store | None = None,
) -> list[float]:
    """A loss by epoch, summed over its kinds."""
    where = torch.device(device)
    chance = Chance(0, ("cuda", variant))
    how = Schedule(2, EPOCHS, 1e-3, kind, precision, recipe)
    data = on(where, recipe)
    with phases.seeded(chance, "initial", torch.device("cpu")):
        graph = torch.eye(23).repeat(3, 1, 1)
        networks = phases.collaborative(MotionEncoder(3, graph, K, width=4), variant, 4)
    networks = networks.to(where)
    decay = recipe.weight_decay
    optimisers = [phases.adam(child, 1e-3, decay) for child in (networks.motion, networks.music)]
    trained = phases.cotrain(networks, optimisers, data, how, "last", 0, chance, store)
    return [sum(v for k, v in row.items() if k.endswith("loss")) for row in trained.run.history]


@pytest.mark.parametrize("variant", ["plain", "dropout", "fc"])
@pytest.mark.parametrize(
    ("precision", "kind", "recipe"),
    [("fp32", "constant", PAPER), ("bf16", "constant", PAPER), ("fp32", "one_cycle", QUICK)],
)
def test_a_graph_trains_as_steps_one_by_one(
    variant: str, precision: str, kind: str, recipe: Recipe, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    captured = run(variant, precision=precision, kind=kind, recipe=recipe)
    assert "no CUDA graph" not in capsys.readouterr().err
    monkeypatch.setattr(loop, "Captured", lambda step: step)
    one_by_one = run(variant, precision=precision, kind=kind, recipe=recipe)
    assert captured == pytest.approx(one_by_one, rel=0.05 if precision == "bf16" else 0.02)
    assert len(set(captured)) == EPOCHS  # it learns on, after the capture as before


def test_the_cpu_trains_the_same() -> None:
    assert run("fc")[:2] == pytest.approx(run("fc", "cpu")[:2], rel=0.05)


@pytest.mark.parametrize("kind", ["constant", "one_cycle"])
def test_one_that_is_interrupted_ends_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("dropout", kind=kind)

    class Interrupted(Exception):
        pass

    def interrupt(self: phases.Keeper, epoch: int) -> dict[str, float]:
        if epoch == 4:
            raise Interrupted
        return {}

    store = Store(tmp_path, "fold0", 0.0, float("inf"))
    after_epoch = phases.Keeper.after_epoch
    monkeypatch.setattr(phases.Keeper, "after_epoch", interrupt)
    with pytest.raises(Interrupted):
        run("dropout", kind=kind, store=store)
    monkeypatch.setattr(phases.Keeper, "after_epoch", after_epoch)
    assert store.latest() is not None
    assert run("dropout", kind=kind, store=store) == pytest.approx(expected, rel=0.02)


def test_the_device_and_precision_that_auto_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOTIONMUSIC_DEVICE", raising=False)
    assert pick_device() == torch.device("cuda", 0)
    able = torch.cuda.is_bf16_supported(including_emulation=False)
    assert pick_precision("auto", pick_device()) == ("bf16" if able else "fp32")
