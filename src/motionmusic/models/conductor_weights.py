"""VirtualConductor's published weights in our networks (docs/method.md).

Our own files hold the same entries under the same names, so each loader reads both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from motionmusic.errors import UserError
from motionmusic.models import weights
from motionmusic.models.virtual_conductor import Generator, SyncNetwork

Network = TypeVar("Network", bound=nn.Module)

# our names and theirs, which wrap some modules more often
_RENAMED = (
    (r"^blocks\.", "tcn.TCN.tcn.tcn.network."),
    (r"^linear\.", "tcn.TCN.tcn.linear."),
    (r"^head\.", "tcn.fc."),
    (r"^noise_path\.", "noise_convTranspose."),
    (r"^noise_norm\.", "noise_BN."),
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
)
_TWICE = {"conv1": "net.0", "bn1": "net.2", "conv2": "net.5", "bn2": "net.7"}
"""Modules of a TCN block that their files hold under a second name."""
_REMEDY = "take the authors' file, or one that this package wrote (docs/dance.md)"


def load_generator(state_dict: Mapping[str, Tensor], file: str | Path = "generator") -> Generator:
    """The generator in eval mode from all 278 entries, those that are there twice as well.

    Raises UserError that names the entries of ``file`` which are missing, unknown, of another shape
    or differ from their doubles.
    """
    return _filled(Generator, state_dict, file)


def load_sync_network(
    state_dict: Mapping[str, Tensor], file: str | Path = "M2S-Net"
) -> SyncNetwork:
    """M2S-Net in eval mode from all 234 entries; errors as of :func:`load_generator`."""
    return _filled(SyncNetwork, state_dict, file)


def published_entries(network: nn.Module) -> dict[str, Tensor]:
    """All entries of a network under the authors' names, as their files have them."""
    entries = {_theirs(name): value for name, value in network.state_dict().items()}
    # copies, as a safetensors file takes no tensor twice
    return entries | {_double(name): entries[name].clone() for name in entries if _double(name)}


def read(path: Path) -> dict[str, Tensor]:
    """The entries of the authors' .pt or of our .safetensors; no code in them is run.

    Raises:
        UserError: the file is missing, broken, or holds anything but tensors by name.
    """
    if path.suffix == ".safetensors":
        return weights.load(path)
    try:
        # weights_only: tensors in dictionaries; whatever else the pickle asks for is refused
        state = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except Exception as error:  # broken files raise almost anything
        # torch's own text would advise reading the file without this protection
        name = re.search(r"GLOBAL (\S+)", str(error))
        got = f"a pickle that calls {name[1]}" if name else "something else, or a broken file"
        raise UserError(path, "", "tensors by name", f"{got} (it was not run)", _REMEDY) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise UserError(path, "", "tensors by name", type(state).__name__, _REMEDY)
    return dict(state)


def _theirs(name: str) -> str:
    for ours, theirs in _RENAMED:
        name = re.sub(ours, theirs, name)
    return name


def _double(name: str) -> str:
    """The second name of an entry of a TCN block, nothing for any other."""
    match = re.fullmatch(r"(tcn\.TCN\.tcn\.tcn\.network\.\d\.)(\w+)(\..+)", name)
    return f"{match[1]}{_TWICE[match[2]]}{match[3]}" if match and match[2] in _TWICE else ""


def _filled(kind: type[Network], state: Mapping[str, Tensor], file: str | Path) -> Network:
    with torch.random.fork_rng([]):  # building draws weights
        network = kind()
    entries = published_entries(network)
    doubles = {_double(name): name for name in entries if _double(name)}
    problems = weights.problems(entries, state) + [
        f"{double} differs from {name}"
        for double, name in doubles.items()
        if double in state and name in state and not torch.equal(state[double], state[name])
    ]
    if problems:
        expected = f"the {len(entries)} entries of the authors' network"
        raise weights.misfit(file, problems, expected, _REMEDY)
    network.load_state_dict({name: state[_theirs(name)] for name in network.state_dict()})
    return network.eval()
