"""A trained matcher: one folder with everything it takes to score music for a dance.

FOLDER/matcher.json        what it is and how its inputs are made
FOLDER/foldF.safetensors   its weights, those of the encoders included

FOLDER is data/TASK/matchers/METHOD-SEED. data/TASK/synchrony/SEED is one as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.motion import bones
from motionmusic.features.music import BANDS
from motionmusic.features.skeletons import LAYOUTS, LayoutName, paper_graph
from motionmusic.files import Float32, read_json, write_json
from motionmusic.methods import Method
from motionmusic.models import weights
from motionmusic.models.deconfounded import Deconfounded
from motionmusic.models.heads import Mapped, Towers, mapping
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.params import Joints, Music

REMEDY = "run `dvc repro` for the stage that writes it"
FILE = "matcher.json"


class About(BaseModel):
    """What a matcher is, as its matcher.json says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method
    task: str
    seed: int
    layout: LayoutName
    motion_rate_hz: float
    labels: dict[str, str]  # code → name of the dance types, in the order of the classes
    joints: Joints
    music: Music
    paper_bones: bool  # which slots its bones have (category only; O8)
    excerpt_frames: int
    sizes: dict[str, int]  # of its networks
    knows: dict[int, list[str]]  # fold → the pieces that it was trained or chosen on


SIZES = {
    "synchrony": (),
    "contrastive": ("width", "size"),
    "infonce": ("width", "size"),
    "deconfounded": ("width", "size", "backdoor"),
}


def about_of(
    of: workspace.About, method: Method, seed: int, index: pd.DataFrame, sizes: Mapping[str, int]
) -> About:
    """What a matcher of the task ``of`` is, which has an index of fold, split and piece.

    ``sizes`` has width, size and backdoor; those that the method has are kept.
    """
    learned = index[index["split"].isin(["train", "validation"])]
    return About(
        method=method,
        task=of.task,
        seed=seed,
        layout=of.layout,
        motion_rate_hz=of.motion_rate_hz,
        labels=of.labels,
        joints=Joints(center=of.center, scale=of.scale),
        music=Music(**of.music),
        paper_bones=of.paper_bones,
        excerpt_frames=of.excerpt_frames,
        sizes={name: sizes[name] for name in SIZES.get(method, ("width",))},
        knows={
            int(str(fold)): sorted(set(rows["piece"])) for fold, rows in learned.groupby("fold")
        },
    )


class Codes(nn.Module):
    """The cotrained encoders and a head on their codes: vectors whose inner product is the score."""

    def __init__(self, motion: MotionEncoder, music: MusicAutoencoder, head: nn.Module):
        super().__init__()
        self.motion_encoder, self.music_encoder, self.head = motion, music, head

    def motion(self, joints: Tensor) -> Tensor:
        """Segments of joints (n, 3, 25, v) → (n, d)."""
        code: Tensor = self.head.motion(self.motion_encoder(joints)[0])  # type: ignore[operator]
        return code

    def music(self, log_mel: Tensor) -> Tensor:
        """Segments of music (n, 1, 96, 25) → (n, d)."""
        code: Tensor = self.head.music(self.music_encoder.encode(log_mel))  # type: ignore[operator]
        return code


class Category(nn.Module):
    """The paper's classifier: the logits of joints and bones, summed (late fusion)."""

    def __init__(self, joints: MotionEncoder, bones: MotionEncoder):
        super().__init__()
        self.joints, self.bones = joints, bones


def network_of(about: About) -> Category | Codes | SynchronyNetwork:
    """The matcher's network, weights still random."""
    graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
    sizes = about.sizes
    if about.method == "synchrony":
        return SynchronyNetwork(LAYOUTS[about.layout], BANDS)
    width, classes = sizes["width"], len(about.labels)
    encoder = MotionEncoder(3, graph, classes, width)
    if about.method == "category":
        return Category(encoder, MotionEncoder(3, graph, classes, width))
    if about.method == "mapping":
        head: nn.Module = Mapped(mapping(4 * width))
    elif about.method == "unmapped":
        head = Mapped(nn.Identity())
    elif about.method == "deconfounded":
        head = Deconfounded(4 * width, sizes["size"], classes, backdoor=bool(sizes["backdoor"]))
    else:
        head = Towers(4 * width, sizes["size"], 1.0)
    return Codes(encoder, MusicAutoencoder(2 * width), head)


class Matcher:
    """A network in evaluation mode; arrays in, arrays out.

    The digest is of its weights and of what it is: codes of another digest are another matcher's.
    """

    def __init__(self, about: About, network: nn.Module, digest: str = ""):
        self.about, self.digest = about, digest
        self.network: Any = network.eval()

    @torch.no_grad()
    def logits(self, joints: Float32, limbs: bool = True) -> Float32:
        """Segments of joints (n, 3, 25, v) → logits (n, k), of joints and limbs or of joints alone.

        Of the method category.
        """
        if not limbs:
            return _array(self.network.joints(_tensor(joints))[1])
        frames = joints.transpose(0, 2, 3, 1).reshape(-1, joints.shape[3], 3)
        between = bones(frames, self.about.layout, self.about.paper_bones)
        between = between.reshape(len(joints), -1, *between.shape[1:]).transpose(0, 3, 1, 2)
        inputs = {"joints": joints, "bones": between}
        return _array(sum(getattr(self.network, name)(_tensor(x))[1] for name, x in inputs.items()))

    @torch.no_grad()
    def motion_code(self, joints: Float32) -> Float32:
        """One window's segments (n, 3, 25, v), in time order → its code.

        (d,), or for synchrony (25 n, 16), one row a frame.
        """
        if self.about.method == "synchrony":
            whole = joints.transpose(0, 2, 3, 1).reshape(1, -1, joints.shape[3], 3)
            return _array(self.network.motion_encoder(_tensor(whole))[0])
        return _array(self.network.motion(_tensor(joints)).mean(0))

    @torch.no_grad()
    def music_code(self, music: Float32) -> Float32:
        """One window's segments (n, 1, 96, 25), in time order → its code, as of motion."""
        if self.about.method == "synchrony":
            whole = music[:, 0].transpose(0, 2, 1).reshape(1, -1, music.shape[2])
            return _array(self.network.music_encoder(_tensor(whole))[0])
        return _array(self.network.music(_tensor(music)).mean(0))

    @torch.no_grad()
    def scores(self, motion: Sequence[Float32], music: Sequence[Float32]) -> Float32:
        """How well every window of music fits every window of motion, (q, c); higher is better.

        Synchrony: how far their codes correlate, −1…1, over the frames that all of them have.
        """
        if self.about.method != "synchrony":
            return np.asarray(np.stack(motion) @ np.stack(music).T, np.float32)
        frames = min(len(code) for code in (*motion, *music))
        a, b = (_tensor(np.stack([x[:frames] for x in codes])) for codes in (motion, music))
        return _array(self.network.all_pairs(a, b))


def save(folder: Path, about: About, folds: Mapping[int, nn.Module]) -> None:
    """Write a matcher's files into an existing folder."""
    for fold, network in folds.items():
        weights.save(folder / f"fold{fold}.safetensors", network.state_dict())
    write_json(folder / FILE, about.model_dump())


def read_about(folder: Path) -> About:
    """What the matcher of a folder is. Raises UserError where its matcher.json is missing or broken."""
    path = folder / FILE
    try:
        return About.model_validate(read_json(path, REMEDY))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(path, where, first["msg"], repr(first["input"])[:80], REMEDY) from None


def load(folder: Path, fold: int = 0) -> Matcher:
    """The matcher of a folder, of one fold. Raises UserError where a file is missing or broken."""
    about = read_about(folder)
    path = folder / f"fold{fold}.safetensors"
    state = weights.load(path)
    try:
        network = network_of(about)
    except KeyError as error:
        where = f"sizes.{error.args[0]}"
        raise UserError(folder / FILE, where, "a size of its networks", "none", REMEDY) from None
    weights.load_into(network, state, path)
    digest = hashlib.sha256(path.read_bytes() + about.model_dump_json().encode()).hexdigest()
    return Matcher(about, network, digest)


def trained(root: Path) -> list[tuple[Path, About]]:
    """Every matcher under ROOT/data, in the folders matchers of its tasks, by task and name."""
    found = sorted(root.glob(f"data/**/matchers/*/{FILE}"))
    return [(path.parent, read_about(path.parent)) for path in found]


def _tensor(array: Float32) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def _array(tensor: Tensor | int) -> NDArray[np.float32]:
    assert isinstance(tensor, Tensor)
    return tensor.numpy()
