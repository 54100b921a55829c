"""Weights and optimiser moments as safetensors: no code in them, the same bytes for the same values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from motionmusic.errors import UserError
from motionmusic.files import must_be_file, write_bytes

State = dict[str, Tensor]
REMEDY = "it was written with other parameters or by another version: run `dvc repro` for its stage"


def prefixed(**parts: Mapping[str, Tensor]) -> State:
    """Several states in one: ``prefixed(motion=a, encoder=b)`` has keys motion.…, encoder.…"""
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.items()}


def part(state: Mapping[str, Tensor], name: str) -> State:
    """The entries under ``name.``, without that prefix."""
    return {
        key.removeprefix(f"{name}."): v for key, v in state.items() if key.startswith(f"{name}.")
    }


def save(path: Path, state: Mapping[str, Tensor]) -> None:
    """Write a state atomically. The file holds tensors only: no time, no commit, no path."""
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    write_bytes(path, safetensors.torch.save(tensors))


def load(path: Path) -> State:
    """A state written by :func:`save`. Raises UserError where it is missing or broken."""
    must_be_file(path, "a weights file", REMEDY)
    try:
        return safetensors.torch.load(path.read_bytes())
    except SafetensorError as error:
        raise UserError(path, "", "a safetensors file", str(error), REMEDY) from None


def load_into(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load ``state`` (read from ``path``) strictly. Raises UserError that names every bad key."""
    own = module.state_dict()
    if found := problems(own, state):
        expected = f"the {len(own)} tensors of {type(module).__name__}"
        raise misfit(path, found, expected, REMEDY)
    module.load_state_dict(dict(state))


def problems(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """What does not fit in a state: entries that are missing, unknown or of another shape."""
    shapes = [
        f"{key} has shape {tuple(value.shape)}, not {tuple(own[key].shape)}"
        for key, value in state.items()
        if key in own and own[key].shape != value.shape
    ]
    missing = [f"{key} is missing" for key in own if key not in state]
    return missing + [f"{key} is unknown" for key in state if key not in own] + shapes


def misfit(file: str | Path, problems: Sequence[str], expected: str, remedy: str) -> UserError:
    """The error of a state that does not fit: its first problems, and how many there are."""
    more = f" and {len(problems) - 3} more" if problems[3:] else ""
    got = f"{len(problems)} that do not fit"
    return UserError(file, ", ".join(problems[:3]) + more, expected, got, remedy)


def optimiser_state(optimiser: torch.optim.Optimizer) -> State:
    """Adam's moments and step counts as tensors, keyed by the parameter's number."""
    return {
        f"{number}.{key}": torch.as_tensor(value)
        for number, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
    }


def load_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Put moments written by :func:`optimiser_state` back; the learning rate stays the optimiser's.

    A moment gets the memory layout of its parameter: fused Adam walks both side by side, and would
    silently pair a channels-last weight with another weight's moment.
    """
    parameters = [p for settings in optimiser.param_groups for p in settings["params"]]
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        number, key = name.split(".")
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        entries.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict(
        {"state": entries, "param_groups": optimiser.state_dict()["param_groups"]}
    )
