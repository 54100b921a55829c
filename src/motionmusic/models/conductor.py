"""Music of any length to a conductor's motion, and how well the two go together (docs/method.md)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import savgol_filter
from torch import Tensor
from tqdm import tqdm

from motionmusic.features.keypoints import FRAMES
from motionmusic.features.mel import MEL_PER_FRAME, RATE_HZ
from motionmusic.models.virtual_conductor import (
    NOISE,
    SHORTEST_S,
    Generator,
    MotionEncoder,
    MusicEncoder,
    SyncNetwork,
)
from motionmusic.streams import stream

_PART = 30 * FRAMES  # frames that are encoded at a time; more would only take more memory


@torch.inference_mode()
def conducted(
    generator: Generator, mel: NDArray[np.float32], seed: int, *, smooth: bool
) -> NDArray[np.float32]:
    """The motion for a whole piece.

    It is generated as a whole, its end filled up to a whole second by the music reversed; the
    authors' way leaves jumps between minutes (V16) and drops the end (V14).

    The generator is in eval mode, mel (t, 128) has at least two frames, the seed is of the noise.
    ``smooth`` is by the authors' Savitzky–Golay filter, as the motion trembles (5.4).

    Returns:
        (ceil(t / 3), 13, 2) at 30 Hz: x to the right, y down, about 0…1.
    """
    seconds = max(SHORTEST_S, -(-len(mel) // RATE_HZ))
    whole = np.pad(mel, ((0, seconds * RATE_HZ - len(mel)), (0, 0)), "reflect")
    noise = stream(seed, "conduct").standard_normal((1, seconds, NOISE), dtype=np.float32)
    codes = encoded(generator.music_encoder, torch.from_numpy(whole)[None], "hear")
    motion = generator.move(codes, torch.from_numpy(noise))[0].numpy()
    if smooth:
        motion = savgol_filter(motion, 19, 5, axis=0)
    return np.asarray(motion[: -(-len(mel) // MEL_PER_FRAME)], np.float32)


@torch.inference_mode()
def sync_error(
    network: SyncNetwork, mel: NDArray[np.float32], motion: NDArray[np.float32]
) -> float:
    """1 − the mean vote that the two belong together; means nothing for less than seconds (3.5).

    ``network`` in eval mode, mel (t, 128) with t at least 4, motion (ceil(t / 3), 13, 2).
    """
    heard = encoded(network.music_encoder, torch.from_numpy(mel)[None], "compare")
    seen = encoded(network.motion_encoder, torch.from_numpy(motion)[None], "see")
    return 1 - float(network.fuse(heard, seen).mean())


def encoded(encoder: MusicEncoder | MotionEncoder, x: Tensor, what: str | None = None) -> Tensor:
    """What the encoder gives for (1, t, …), made part by part and the same as if made as a whole.

    The encoder is in eval mode, ``what`` names the progress bar on a terminal (none without it).
    (1, t, 128) or (1, f, 13, 2) → (1, f, 64), f = ceil(t / 3).
    """
    stride = MEL_PER_FRAME if isinstance(encoder, MusicEncoder) else 1
    frames = -(-x.shape[1] // stride)
    parts = []
    bar = tqdm(range(0, frames, _PART), what, unit="part", disable=None if what else True)
    for start in bar:
        # as much more at both ends as reaches into the part
        first = max(0, start - encoder.REACH)
        codes = encoder(x[:, first * stride : (start + _PART + encoder.REACH) * stride])
        parts.append(codes[:, start - first : start - first + _PART])
    return torch.cat(parts, dim=1)
