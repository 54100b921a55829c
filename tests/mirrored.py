"""Published files for tests, where the user's mirror has them; elsewhere such a test is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from motionmusic.data.manifest import REPOSITORIES
from motionmusic.models.published import MANIFEST

MIRROR = Path(os.environ.get("MOTIONMUSIC_MIRROR", "nowhere")).resolve()
CONDUCTOR = Path(MANIFEST.owner, MANIFEST.name, MANIFEST.commit)


def mirrored(source: str) -> Path:
    """The folder of a source or, by its path in the mirror, of what is not one of them."""
    folder = MIRROR.joinpath(*REPOSITORIES.get(source, (source,)))
    if not folder.is_dir():
        pytest.skip(f"MOTIONMUSIC_MIRROR names no mirror with {source}")
    return folder
