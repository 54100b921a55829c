"""The benchmark's baselines compute what the house computes, and its count is docs/speed.md's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import plain
import pytest
import steps
import steps_report as report
import torch
from torch import Tensor, nn

from motionmusic.errors import UserError
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.streams import stream
from motionmusic.training import phases
from motionmusic.training.folds import Segments
from motionmusic.training.loop import Chance, Schedule

pytestmark = pytest.mark.usefixtures("torch_alone")

SMALL = steps.Size("aist", 5, 3)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def both() -> tuple[steps.Networks, steps.Networks]:
    """The house's networks and the plain ones, with the same weights, none of them zero."""
    ours = steps.networks_of(SMALL, 4, house=True)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(0, 0.3)
    eager = steps.networks_of(SMALL, 4, house=False)
    eager.load_state_dict(ours.state_dict())
    return ours, eager


def gradients_of(networks: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad for name, p in networks.named_parameters() if p.grad is not None}


def must_agree(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(got) == set(expected)
    # those of a bias before a batch norm are zero up to rounding, so the scale is that of the rest
    scale = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-10, atol=1e-10 * scale)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("step", list(steps.STEPS))
def test_the_baseline_is_the_same_step(step: str) -> None:
    ours, eager = both()
    batch = steps.batch_of(SMALL)
    assert set(ours.state_dict()) == set(eager.state_dict())
    expected, got = (steps.losses_of(networks, step, batch)() for networks in (ours, eager))
    torch.testing.assert_close(list(got), list(expected), rtol=1e-10, atol=1e-10)
    steps.house_step(steps.losses_of(ours, step, batch), [], "cpu", False, batch[2])
    plain.one_backward(steps.losses_of(eager, step, batch), [])
    must_agree(gradients_of(eager), gradients_of(ours))
    statistics = [dict(networks.named_buffers()) for networks in (eager, ours)]
    must_agree(*({k: v.double() for k, v in values.items()} for values in statistics))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("step", ["phase 2", "phase 2 fc"])
def test_a_backward_for_each_loss_gives_the_gradients_of_one(step: str) -> None:
    _, eager = both()
    losses = steps.losses_of(eager, step, steps.batch_of(SMALL))
    plain.one_backward(losses, [])
    once = {name: value.clone() for name, value in gradients_of(eager).items()}
    for parameter in eager.parameters():
        parameter.grad = None
    plain.backward_each(losses, [])
    must_agree(gradients_of(eager), once)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_timed_is_what_a_training_does(precision: Literal["fp32", "bf16"]) -> None:
    """One epoch of one batch leaves the weights of one timed step on that batch, bit for bit."""
    trained, timed = (both()[0].music for _ in range(2))
    timed.load_state_dict(trained.state_dict())
    motion, music, labels = steps.batch_of(SMALL)
    rows = torch.arange(len(labels))
    chance = Chance(0, ("benchmark",))
    schedule = Schedule(len(rows), 1, 1e-3, "constant", precision)
    assert isinstance(trained, MusicAutoencoder)
    phases.train_music(trained, Segments(motion, music, labels, rows, rows[:0]), schedule, chance)
    order = stream(0, "benchmark", "shuffle", 0).permutation(len(rows))
    networks = steps.networks_of(SMALL, 4, house=True)
    networks.music = timed
    losses = steps.losses_of(networks, "music", (motion, music[order], labels))
    steps.house_step(losses, [phases.adam(timed, 1e-3)], "cpu", precision == "bf16", rows)
    for name, value in trained.state_dict().items():
        assert torch.equal(timed.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("step", "gflop"),
    [("motion", 219.5), ("music", 89.1), ("phase 2 fc", 330)],
)
def test_operations_are_those_of_docs_speed(step: str, gflop: float) -> None:
    """GFLOP of a step (docs/speed.md)."""
    assert steps.gflop_of(steps.SIZES["m2d"], step) == pytest.approx(gflop, rel=0.01)


def test_hours_of_a_table() -> None:
    """With a second a step: 17 trainings of 7,500 and of 65,000 steps."""
    rows = [
        {"size": size, "step": step, "variant": variant, "median_s": 1.0}
        for size in steps.SIZES
        for step in steps.STEPS
        for variant in report.VARIANTS
        if step.startswith("phase 2") or variant != report.EAGER_EACH
    ]
    hours = report.projected(rows)
    assert set(hours) == {"table3", "table4"}
    for variant in report.VARIANTS:
        assert hours["table3"][variant] == pytest.approx(17 * 7500 / 3600)
        assert hours["table4"][variant] == pytest.approx(17 * 65000 / 3600)


def test_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "SIZES", {"m2d": SMALL, "aist": SMALL})
    monkeypatch.setattr(steps, "SIDE", 64)
    monkeypatch.setattr(steps, "WARM_UP", 0)
    monkeypatch.setattr(steps, "gflop_of", lambda *_: 1.0)  # tested above, takes seconds
    steps.main(["--rounds", "2", "--width", "4", "--threads", "1", "--out", str(tmp_path)])
    assert (tmp_path / "steps-cpu.png").read_bytes().startswith(b"\x89PNG")
    result = json.loads((tmp_path / "steps-cpu.json").read_text("utf-8"))
    assert {"cpu", "threads", "torch", "capability", "git", "load_before", "load_after"} <= set(
        result["machine"]
    )
    assert [row["variant"] for row in result["steps"] if row["size"] == "m2d"] == [
        variant
        for step in steps.STEPS
        for variant in report.VARIANTS
        if step.startswith("phase 2") or variant != report.EAGER_EACH
    ]
    for row in result["steps"]:
        assert 0 < row["min_s"] <= row["q1_s"] <= row["median_s"] <= row["q3_s"]
        assert row["gflop_per_s"] == pytest.approx(row["gflop"] / row["median_s"], rel=1e-4)
        assert row["variant"] != report.EAGER or row["times_eager"] == 1
    assert "ours bf16" in capsys.readouterr().out


def test_no_gpu_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device"):
        steps.main(["--device", "cuda"])
