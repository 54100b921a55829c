"""Where tests find VirtualConductor's files: $MOTIONMUSIC_MIRROR, or the project's shared folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from closure import ROOT

from motionmusic.data.manifest import Entry
from motionmusic.models.published import MANIFEST

# of the M2S-Net trained on the test split, which the package does not fetch
_TEST = Entry(
    "checkpoints/M2SNet/M2SNet_test_official_pretrained.pt",
    "a43cba177a8e9f29129283487b65ec5d5090110f",
    745005,
)
ROOT_IN_MIRROR = Path(MANIFEST.owner, MANIFEST.name, MANIFEST.commit)


def mirror(folder: Path) -> Path:
    """A folder with the files of the manifest, laid out in ``folder`` if need be, or a skip."""
    given = Path(os.environ.get("MOTIONMUSIC_MIRROR", folder))
    if all((given / ROOT_IN_MIRROR / entry.path).is_file() for entry in MANIFEST.entries):
        return given
    archive = ROOT.parent / "shared" / "mirror" / "blobs-virtualconductor.zip"
    if not archive.is_file():
        pytest.skip(f"VirtualConductor is neither in $MOTIONMUSIC_MIRROR nor in {archive}")
    with zipfile.ZipFile(archive) as blobs:
        for entry in (*MANIFEST.entries, _TEST):
            target = folder / ROOT_IN_MIRROR / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blobs.read(entry.blob))
    return folder
