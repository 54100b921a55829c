"""A small part of the published data, where it lies beside the project."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from closure import ROOT

from motionmusic.data.manifest import REPOSITORIES, manifest

SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def real_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OWNER/NAME/COMMIT/PATH of C_2 and W_23 in both time bases, and of ChoreoNet's tables."""
    folder = tmp_path_factory.mktemp("mirror")
    for source in ("musictodance", "musictodance_retimed", "choreonet"):
        _unpack(source, ("DANCE_C_2/", "DANCE_W_23/", "data/"), folder)
    return folder


@pytest.fixture(scope="session")
def real_captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ChoreoNet's motion captures, as their repository has them."""
    folder = tmp_path_factory.mktemp("captures")
    _unpack("captures", ("data/",), folder)
    return folder.joinpath(*REPOSITORIES["captures"])


def _unpack(source: str, beginnings: tuple[str, ...], folder: Path) -> None:
    archives = [zipfile.ZipFile(path) for path in (SHARED / "mirror").glob("blobs-*.zip")]
    if not archives:
        pytest.skip(f"no published files in {SHARED / 'mirror'}")
    holder = {blob: archive for archive in archives for blob in archive.namelist()}
    for entry in manifest(source).entries:
        if entry.path.startswith(beginnings):
            path = folder.joinpath(*REPOSITORIES[source], entry.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(holder[entry.blob].read(entry.blob))
    for archive in archives:
        archive.close()
