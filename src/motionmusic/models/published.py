"""The authors' weights: fetched on request, with their licence beside them (docs/method.md)."""

from __future__ import annotations

from pathlib import Path

from motionmusic.data.fetch import fetch
from motionmusic.data.manifest import Entry, Manifest
from motionmusic.errors import UserError
from motionmusic.files import write_text

MANIFEST = Manifest(
    "ChenDelong1999",
    "VirtualConductor",
    "ff9995af7bd742d4a3362916ad8be36ffff2b325",
    (
        Entry("README.md", "ba5f836d49c0a3ef4d2266f44e87ee514efa8ea6", 9716),
        Entry(
            "checkpoints/M2SGAN/M2SGAN_official_pretrained.pt",
            "f87e59c35fbffbd444f32b471f1b98bed0b8ed14",
            1618725,
        ),
        Entry(
            "checkpoints/M2SNet/M2SNet_official_pretrained.pt",
            "1a741094ad5a285346b4c1be2a108526cc88ae9a",
            745005,
        ),
    ),
)
"""Notice, generator, and the M2S-Net that was trained with hard negatives."""

NOTICE = (
    "Copyright (c) 2022 Delong Chen. Contact me for commercial use (or rather any use that is not"
    " academic research) (email: chendelong@hhu.edu.cn). Free for research use, as long as proper"
    " attribution is given and this copyright notice is retained."
)
"""Word by word from their README.md, the only statement of a licence that there is."""
ATTRIBUTION = (
    "Liu, Chen, Zhou, Yang, Xu: Self-Supervised Music-Motion Synchronization Learning for"
    " Music-Driven Conducting Motion Generation, JCST 37(3), 2022"
)
DERIVED = "made with the weights of VirtualConductor: for research use only"
"""What everything says that is made with the weights."""


def accepted(store: Path) -> bool:
    """Whether somebody has accepted the licence of the weights in this store."""
    return _acceptance(store).is_file()


def accept(store: Path) -> None:
    """Remember beside the weights that their licence was accepted. Raises OSError."""
    said = f"{NOTICE}\n\nAccepted by the user of this computer. Cite: {ATTRIBUTION}.\n"
    write_text(_acceptance(store), said)


def fetch_weights(store: Path) -> tuple[Path, Path]:
    """The files of generator and M2S-Net, verified; downloaded where they are not in the store.

    $MOTIONMUSIC_MIRROR names a folder to copy from instead. Raises UserError where the licence was
    not accepted, or files are missing or broken, OSError where the store cannot be written.
    """
    if not accepted(store):
        remedy = f"read it, then accept it: {NOTICE}"
        raise UserError("weights", "", "their licence to be accepted", "no acceptance", remedy)
    _, generator, network = fetch(MANIFEST, MANIFEST.entries, store)
    return generator, network


def _acceptance(store: Path) -> Path:
    return store / MANIFEST.owner / MANIFEST.name / "LICENCE_ACCEPTED.txt"
