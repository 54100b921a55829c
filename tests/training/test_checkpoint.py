"""Interrupted trainings end with the bytes of uninterrupted ones; damage is noticed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_phases import run, same
from torch import Tensor, nn

from motionmusic import files
from motionmusic.training import cell, checkpoint, phases
from motionmusic.training.checkpoint import Store, code_digest, content_key
from motionmusic.training.loop import AfterEpoch, Chance, Schedule, optimise

pytestmark = pytest.mark.usefixtures("torch_alone")
EPOCHS = 3


class Killed(BaseException):
    """Stands for a process that ends in the middle."""


@pytest.mark.parametrize(
    ("phase", "kind"),
    [("motion", "constant"), ("music dropout", "constant"), ("fc", "one_cycle")],
)
def test_killed_in_later_epochs_it_ends_the_same(
    phase: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select: phases.Select = "last" if phase == "music dropout" else "best_validation"
    whole = run(phase, 0, select, EPOCHS, kind)
    step = phases._Adam.step
    for victim in range(1, EPOCHS):  # in the first there is nothing to go on from
        calls = 2 * {"motion": 1, "music dropout": 1, "fc": 3}[phase]  # an epoch
        left = victim * calls + calls // 2
        store = Store(tmp_path / phase / str(victim), "fold0", every_s=0, share=math.inf)

        def dying(self: Any, *args: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return step(self, *args, **more)

        monkeypatch.setattr(phases._Adam, "step", dying)
        with pytest.raises(Killed):
            run(phase, 0, select, EPOCHS, kind, store)
        monkeypatch.setattr(phases._Adam, "step", step)
        again = run(phase, 0, select, EPOCHS, kind, store)
        assert same(again.tested, whole.tested), victim
        assert same(again.last, whole.last), victim
        assert same(again.moments, whole.moments), victim
        assert again.run.history == whole.run.history, victim


def small(store: Store | None, before: Callable[[int], None] = lambda _: None) -> Tensor:
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.fill_(0.5)
        network.bias.fill_(0)
    done = 0

    def losses(rows: Tensor) -> tuple[dict[str, Tensor], None]:
        nonlocal done
        before(done)
        done += 1
        noise = torch.rand(2)  # as dropout draws
        return {"x": (network(rows[:, None] * noise) ** 2).mean()}, None

    with phases.seeded(Chance(0, ("small",)), "dropout", torch.device("cpu")):
        optimise(
            [network], [phases.adam(network, 0.1)], losses, torch.arange(8.0),
            Schedule(4, 6, 0.1, "one_cycle", "fp32"), Chance(0, ("small",)), AfterEpoch(), store,
        )  # fmt: skip
    return network.weight.detach().clone()


def epochs_in(folder: Path) -> list[str]:
    return [path.name.split("-")[1] for path in sorted(folder.iterdir())]


def until(step: int) -> Callable[[int], None]:
    def check(done: int) -> None:
        if done == step:
            raise Killed

    return check


def test_a_damaged_checkpoint_is_said_and_the_one_before_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path, "fold0", every_s=0, share=math.inf)
    with pytest.raises(Killed):
        small(store, before=until(9))
    kept = sorted(tmp_path.iterdir())
    assert epochs_in(tmp_path) == ["000003", "000004"]
    content = bytearray(kept[-1].read_bytes())
    content[-3] ^= 1  # one bit of one weight
    kept[-1].write_bytes(content)
    assert torch.equal(small(store), small(None))
    assert "damaged" in capsys.readouterr().err
    # done: only the last one is left until the cell is done
    assert epochs_in(tmp_path) == ["000006"]


def test_an_unfinished_write_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, "fold0", every_s=0, share=math.inf)
    write = files.write_bytes

    def full(path: Path, content: bytes) -> None:
        if "-000003-" in path.name:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        small(store)
    monkeypatch.setattr(checkpoint, "write_bytes", write)
    assert epochs_in(tmp_path) == ["000001", "000002"]
    assert torch.equal(small(store), small(None))


def test_checkpoints_come_when_it_is_time_and_what_is_done_is_not_trained_again(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path, "fold0", every_s=3600)
    with pytest.raises(Killed):
        small(store, before=until(9))
    # the first at once, so that a slow training keeps something early; then none for an hour
    assert epochs_in(tmp_path) == ["000001"]
    first = small(store)
    assert torch.equal(small(store, before=until(0)), first)


def test_another_content_has_another_key() -> None:
    facts = {"params": {"batch": 4}, "inputs": {"a": "1"}, "code": code_digest()}
    assert content_key(facts) == content_key(dict(reversed(facts.items())))
    assert content_key(facts) != content_key(facts | {"params": {"batch": 5}})
    assert content_key(facts) != content_key(facts | {"inputs": {"a": "2"}})

    names = [f"src/motionmusic/{where}/__init__.py" for where in ("models", "features")]
    assert set(names) < set(code_digest())


def test_checkpoints_lie_apart_for_other_parameters_data_code_and_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "joints.npy"

    def place(content: bytes, code: str, threads: int = 1, **params: int) -> str:
        file.write_bytes(content)
        monkeypatch.setattr(cell, "describe", lambda device: {"threads": threads})
        monkeypatch.setattr(cell, "code_digest", lambda: {"stage.py": code})
        with cell.training("t", "n", params, [file]) as found:
            return found.checkpoints.name

    same = place(b"1", "a", epochs=3)
    assert place(b"1", "a", epochs=3) == same
    others = place(b"2", "a", epochs=3), place(b"1", "b", epochs=3), place(b"1", "a", epochs=4)
    assert len({same, *others, place(b"1", "a", 2, epochs=3)}) == 5
