"""Skeleton layouts: joints, limbs and the paper's bone pairs (docs/method.md, docs/data.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motionmusic.params import Aist, AnyCorpus, Retargeted

LayoutName = Literal["musictodance", "aist", "aist_proximal"]


@dataclass(frozen=True)
class Layout:
    """One skeleton.

    Attributes:
        joints: names, in the order of the arrays.
        parents: for every joint its parent on the body tree, the root's own index for the root.
        paper_pairs: (a, b) per bone slot as in the paper's code: slot i holds joint a − joint b, the
            slots past the list the joint itself (O8). a is distal on MusicToDance, b on AIST++ (O18).
        mirror_pairs: (left, right) joints that change places in a mirror.
        hips: the left and the right hip joint.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    paper_pairs: tuple[tuple[int, int], ...]
    mirror_pairs: tuple[tuple[int, int], ...]
    hips: tuple[int, int]


MUSICTODANCE = Layout(
    joints=(
        "head left", "head right", "trunk", "left shoulder", "left elbow", "left forearm",
        "left wrist", "left hip", "left knee", "left ankle", "left heel", "left toe",
        "right shoulder", "right elbow", "right wrist", "right hand", "right hip", "right knee",
        "right ankle", "right heel", "right toe", "right forearm", "left hand",
    ),
    parents=(3, 12, 2, 2, 3, 4, 5, 2, 7, 8, 9, 9, 2, 12, 21, 14, 2, 16, 17, 18, 18, 13, 6),
    paper_pairs=(
        (3, 2), (4, 3), (5, 4), (6, 5), (8, 7), (9, 8), (10, 9), (11, 10), (13, 12), (14, 13),
        (15, 14), (17, 16), (18, 17), (19, 18), (20, 19), (7, 2), (12, 2), (16, 2),
    ),
    mirror_pairs=(
        (0, 1), (3, 12), (4, 13), (5, 21), (6, 14), (22, 15), (7, 16), (8, 17), (9, 18), (10, 19),
        (11, 20),
    ),
    hips=(7, 16),
)  # fmt: skip

AIST = Layout(
    joints=(
        "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder",
        "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left hip",
        "right hip", "left knee", "right knee", "left ankle", "right ankle",
    ),
    # COCO has no trunk joint: the nose is the root that both shoulders and eyes hang on.
    parents=(0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    paper_pairs=((6, 8), (8, 10), (5, 7), (7, 9), (12, 14), (14, 16), (11, 13), (13, 15)),
    mirror_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    hips=(11, 12),
)  # fmt: skip

PROXIMAL_OF_AIST = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14]
"""The joints of AIST that do not hang on a forearm or a shank."""

AIST_PROXIMAL = Layout(
    joints=tuple(AIST.joints[joint] for joint in PROXIMAL_OF_AIST),
    parents=(0, 0, 0, 1, 2, 0, 0, 5, 6, 5, 6, 9, 10),
    paper_pairs=((6, 8), (5, 7), (10, 12), (9, 11)),
    mirror_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12)),
    hips=(9, 10),
)

LAYOUTS: dict[LayoutName, Layout] = {
    "musictodance": MUSICTODANCE,
    "aist": AIST,
    "aist_proximal": AIST_PROXIMAL,
}


def layout_of(corpus: AnyCorpus) -> LayoutName:
    """The skeleton of a corpus's dances: AIST++ has its own, all others have MusicToDance's."""
    if isinstance(corpus, Retargeted):
        return "aist" if corpus.joints == "all" else "aist_proximal"
    return "aist" if isinstance(corpus, Aist) else "musictodance"


def chosen_joints(joints: NDArray[Any], layout: LayoutName) -> NDArray[Any]:
    """Of (frames, v, 3) as read the joints that the layout has."""
    return joints[:, PROXIMAL_OF_AIST] if layout == "aist_proximal" else joints


def paper_graph(layout: Layout) -> NDArray[np.float32]:
    """The motion encoder's three subsets of joints (paper section 3.2), (3, v, v) float32.

    Identity, inward, outward links of the paper's bone pairs, every column divided by its sum;
    features are multiplied from the left, y[w] = Σ_u x[u]·A[u, w].
    """
    v = len(layout.joints)
    graph = np.zeros((3, v, v), np.float32)
    graph[0] = np.eye(v)
    for a, b in layout.paper_pairs:
        graph[1, b, a] = 1
        graph[2, a, b] = 1
    sums = graph.sum(axis=1, keepdims=True)
    return np.asarray(graph / np.where(sums > 0, sums, 1), np.float32)
