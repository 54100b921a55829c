"""The authors' trained weights in our networks (spec/mclemcd.md 7).

``python -m motionmusic.models.authors_weights IN_DIR OUT.safetensors`` checks the state dicts
of one of their runs and writes them as one file without code. The weights were not to be had where
this was written: the loaders are tested on state dicts with all of the published keys and shapes.

Their networks hold entries that no forward pass uses (layers l3, l4, l7, l10 to l13, fc_audio,
counters of batch norms: O19); these are read over.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from motionmusic.errors import UserError, run
from motionmusic.files import write_bytes
from motionmusic.models.mapping import mapping
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder

PARTS = {
    "motion": "motion_model", "encoder": "audio_encoder", "decoder": "audio_decoder",
    "mapping": "fc_model",
}  # fmt: skip
_FILE = re.compile(rf"({'|'.join(PARTS.values())})_epoch_(\d+)\.pt")
_REMEDY = "take the file of the authors' run again; only state dicts of their networks are read"
_SHOWN = 3  # problems of a state dict that an error spells out
_LARGEST = 1024  # side of a tensor that decides a network's size


def load_motion_encoder(
    state_dict: Mapping[str, Tensor], file: str | Path = "motion_model"
) -> MotionEncoder:
    """The motion encoder in eval mode: x (n, c, 25, v) → (z (n, 256), logits (n, k)).

    Args:
        state_dict: of motion_model; its shapes tell c, v, k and the width (64: z has 4 · 64).
        file: what to call the state dict in errors.

    Raises:
        UserError: entries are missing or have other shapes; it names them.
    """
    shapes = {"l1.gcn1.down.0.weight": 4, "l1.gcn1.PA": 3, "fc.weight": 2}
    down, graph, last = _shapes(state_dict, shapes, file)
    width, channels = down[:2]
    if width % 4:
        _refuse(file, [f"l1.gcn1.down.0.weight has {width} rows, no multiple of 4"], shapes)
    with torch.random.fork_rng([]):  # building draws weights
        module = MotionEncoder(channels, torch.zeros(3, graph[2], graph[2]), last[0], width)
    _fill(module, state_dict, file)
    return module


def load_music_autoencoder(
    encoder_state: Mapping[str, Tensor],
    decoder_state: Mapping[str, Tensor],
    file: str | Path = "audio_encoder and audio_decoder",
) -> MusicAutoencoder:
    """The music autoencoder in eval mode, plain or dropout: encode, decode.

    Args:
        encoder_state: of audio_encoder; tells the variant (O13) and the channels.
        decoder_state: of audio_decoder.
        file: what to call them in errors.

    Raises:
        UserError: entries are missing or have other shapes; it names them.
    """
    first, fourth = _shapes(
        encoder_state, {"audio_encoder.0.weight": 4, "audio_encoder.4.weight": None}, file
    )
    # module 4 is the first batch norm but one in the plain variant, the second convolution else
    with torch.random.fork_rng([]):
        module = MusicAutoencoder(first[0], dropout=len(fourth) == 4)
    _fill(module, {**encoder_state, **decoder_state}, file)
    return module


def load_mapping(state_dict: Mapping[str, Tensor], file: str | Path = "fc_model") -> nn.Sequential:
    """The mapping in eval mode, (n, 256) → (n, 256), in the published or the older form (O14, O15).

    The older form has no linear layer at 15 but one at 16, and ends there; its output has any sign.

    Args:
        state_dict: of fc_model; tells the form and the size.
        file: what to call the state dict in errors.

    Raises:
        UserError: entries are missing or have other shapes; it names them.
    """
    ((_, size),) = _shapes(state_dict, {"0.weight": 2}, file)
    with torch.random.fork_rng([]):
        module = mapping(size)
    if _is_older(state_dict):
        layers = list(module)
        module = nn.Sequential(*layers[:15], nn.ReLU(), layers[15])
    _fill(module, state_dict, file)
    return module


def _is_older(state: Mapping[str, Tensor]) -> bool:
    last = state.get("16.weight")
    return "15.weight" not in state and last is not None and last.dim() == 2


def _their_name(key: str) -> str:
    """Their key of one of ours: another name of the music's halves, whose decoder counts from 1."""
    half, _, rest = key.partition(".")
    if half == "encoder":
        return f"audio_encoder.{rest}"
    if half == "decoder":
        number, _, rest = rest.partition(".")
        return f"audio_decoder.{int(number) + 1}.{rest}"
    return key


def _shapes(
    state: Mapping[str, Tensor], keys: Mapping[str, int | None], file: str | Path
) -> list[tuple[int, ...]]:
    """The shapes of the entries that decide a network's size, with the dimensions asked for."""
    problems = []
    for key, dimensions in keys.items():
        value = state.get(key)
        if value is None:
            problems.append(f"{key} is missing")
        elif dimensions not in (None, value.dim()) or not _sensible(value):
            problems.append(f"{key} has shape {tuple(value.shape)}")
    if problems:
        _refuse(file, problems, keys)
    return [tuple(state[key].shape) for key in keys]


def _sensible(value: Tensor) -> bool:
    return value.dim() > 0 and all(1 <= side <= _LARGEST for side in value.shape)


def _fill(module: nn.Module, state: Mapping[str, Tensor], file: str | Path) -> None:
    """Put the entries of ``state`` that ``module`` uses into it, and switch it to eval mode."""
    own = module.state_dict()
    names = {key: _their_name(key) for key in own if not key.endswith("num_batches_tracked")}
    problems = [f"{name} is missing" for name in names.values() if name not in state]
    problems += [
        f"{name} has shape {tuple(state[name].shape)}, not {tuple(own[key].shape)}"
        for key, name in names.items()
        if name in state and state[name].shape != own[key].shape
    ]
    if problems:
        _refuse(file, problems, names)
    module.load_state_dict(own | {key: state[name] for key, name in names.items()})
    module.eval()


def _refuse(file: str | Path, problems: Sequence[str], expected: Mapping[str, object]) -> None:
    raise misfit(file, problems, f"the {len(expected)} entries that are used", _REMEDY)


def misfit(file: str | Path, problems: Sequence[str], expected: str, remedy: str) -> UserError:
    """The error of a state dict that does not fit: its first problems, and how many there are."""
    more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return UserError(
        file,
        ", ".join(problems[:_SHOWN]) + more,
        expected,
        f"{len(problems)} that do not fit",
        remedy,
    )


def used_entries(module: nn.Module) -> dict[str, Tensor]:
    """The entries of a loaded network under the authors' names, without counters."""
    return {
        _their_name(key): value.contiguous()
        for key, value in module.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }


def files_of_run(folder: Path) -> dict[str, Path]:
    """The files of a run by part, the mapping only where there is one.

    Raises:
        UserError: not exactly one epoch in ``folder`` has motion, encoder and decoder.
    """
    epochs: dict[int, dict[str, Path]] = {}
    names = {stem: part for part, stem in PARTS.items()}
    for path in sorted(folder.glob("*.pt")):
        match = _FILE.fullmatch(path.name)
        if match is not None:
            epochs.setdefault(int(match[2]), {})[names[match[1]]] = path
    needed = {"motion", "encoder", "decoder"}
    whole = {epoch: files for epoch, files in sorted(epochs.items()) if needed <= files.keys()}
    if len(whole) == 1:
        (files,) = whole.values()
        return {part: files[part] for part in PARTS if part in files}
    expected = "motion_model_epoch_E.pt, audio_encoder_epoch_E.pt and audio_decoder_epoch_E.pt"
    if whole:
        got = f"the epochs {', '.join(map(str, whole))}"
        remedy = "put the files of one epoch into a folder of their own"
    else:
        found = sorted(path.name for files in epochs.values() for path in files.values())
        got = f"only {', '.join(found)}" if found else "none of them"
        remedy = "put the missing files of the same epoch beside them"
    raise UserError(folder, "", f"{expected} of one epoch E", got, remedy)


def read_state(path: Path) -> tuple[dict[str, Tensor], str]:
    """A state dict saved by torch and its file's SHA-256.

    Only tensors in dictionaries are read; what else a pickle asks for is refused, not run.

    Raises:
        UserError: the file is broken or holds anything but a state dict.
    """
    content = path.read_bytes()
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # broken files raise almost anything
        # torch's own text would advise to read the file without this protection
        name = re.search(r"GLOBAL (\S+)", str(error))
        got = f"a pickle that calls {name[1]}" if name else "something else, or a broken file"
        raise UserError(path, "", "tensors by name", f"{got} (it was not run)", _REMEDY) from None
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise UserError(path, "", "tensors by name", type(state).__name__, _REMEDY)
    return dict(state), hashlib.sha256(content).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Check the authors' weights of one run and write them as one safetensors file."""
    parser = argparse.ArgumentParser(
        prog="python -m motionmusic.models.authors_weights", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, metavar="IN_DIR", help="with their .pt files")
    parser.add_argument("out", type=Path, metavar="OUT.safetensors")
    options = parser.parse_args(arguments)
    out: Path = options.out
    if out.suffix != ".safetensors":
        raise UserError(parser.prog, "OUT", "a name ending in .safetensors", f"{out}", "correct it")
    files = files_of_run(options.folder)
    states, digests = {}, {}
    for part, path in files.items():
        states[part], digests[path.name] = read_state(path)
    motion = load_motion_encoder(states["motion"], files["motion"])
    music = load_music_autoencoder(
        states["encoder"], states["decoder"], f"{files['encoder']} and {files['decoder'].name}"
    )
    entries = {f"motion.{name}": value for name, value in used_entries(motion).items()}
    for name, value in used_entries(music).items():
        half = "encoder" if name.startswith(PARTS["encoder"]) else "decoder"
        entries[f"{half}.{name}"] = value
    if "mapping" in files:
        fc = load_mapping(states["mapping"], files["mapping"])
        entries |= {f"mapping.{name}": value for name, value in used_entries(fc).items()}
    # one key of metadata, because safetensors writes several in random order
    facts = {"provenance": json.dumps(digests, sort_keys=True)}
    write_bytes(out, safetensors.torch.save(entries, metadata=facts))


if __name__ == "__main__":
    run(main)
