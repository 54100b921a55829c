"""Which device and precision are taken, and what is said where they are not there."""

from __future__ import annotations

import pytest
import torch

from motionmusic.errors import UserError
from motionmusic.training import device as device_module
from motionmusic.training.cuda_graph import WARM_UP, Captured
from motionmusic.training.device import pick_device, pick_precision

CPU = torch.device("cpu")
no_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


@no_cuda
def test_auto_falls_back_to_the_cpu_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MOTIONMUSIC_DEVICE", raising=False)
    assert pick_device() == CPU
    assert "no CUDA device" in capsys.readouterr().err


@no_cuda
@pytest.mark.parametrize("wanted", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_asked_for_and_absent_is_an_error(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", wanted)
    with pytest.raises(UserError) as caught:
        pick_device()
    assert caught.value.got == wanted
    assert "0 CUDA devices" in caught.value.expected


@pytest.mark.parametrize("wanted", ["gpu", "", "mps", "cuda:x"])
def test_an_unknown_device_is_an_error(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", wanted)
    with pytest.raises(UserError, match="auto, cpu, cuda"):
        pick_device()
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    assert pick_device() == CPU


def test_precision_is_what_was_asked_for_or_what_is_faster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pick_precision("fp32", CPU) == "fp32"
    assert pick_precision("bf16", CPU) == "bf16"
    for faster, slower, name in (
        (torch.bfloat16, torch.float32, "bf16"), (torch.float32, torch.bfloat16, "fp32")
    ):  # fmt: skip
        seconds = {faster: 0.01, slower: 0.02}
        monkeypatch.setattr(device_module, "_step_seconds", seconds.__getitem__)
        assert pick_precision("auto", CPU) == name
        assert f"precision auto: {name}" in capsys.readouterr().err


def test_measuring_draws_nothing() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    pick_precision("auto", CPU)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_captured_step_does_what_the_step_does() -> None:
    device = torch.device("cuda")

    def trained(captured: bool) -> torch.Tensor:
        torch.manual_seed(0)
        network = torch.nn.Linear(4, 2, device=device)
        rate = torch.tensor(0.1, device=device)
        optimiser = torch.optim.Adam(network.parameters(), lr=rate, fused=True, capturable=True)
        data = torch.rand(32, 4, device=device)

        def step(rows: torch.Tensor) -> tuple[torch.Tensor, None]:
            loss = network(data[rows]).square().mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            return loss.detach(), None

        run = Captured(step) if captured else step
        for number in range(WARM_UP + 5):
            rate.fill_(0.1 / (1 + number))
            run(torch.arange(number, number + 8, device=device))
        return network.weight.detach().clone()

    torch.testing.assert_close(trained(True), trained(False))
