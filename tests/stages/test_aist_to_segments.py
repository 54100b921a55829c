"""Six real AIST++ sequences, with made-up music, from pickle to segments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

ROOT = Path(__file__).parents[2]
SEQUENCES = ROOT.parent / "shared" / "mirror" / "aist" / "keypoints3d"

# frames of the release, counted by the publishers' readers
FRAMES = {
    "gBR_sBM_cAll_d04_mBR0_ch01": 720,
    "gBR_sBM_cAll_d04_mBR2_ch08": 576,
    "gBR_sBM_cAll_d06_mBR2_ch06": 576,
    "gJS_sBM_cAll_d03_mJS2_ch07": 576,
    "gJS_sFM_cAll_d02_mJS4_ch09": 1919,
}


@pytest.mark.skipif(not SEQUENCES.exists(), reason="needs the AIST++ sequences beside the project")
def test_six_real_sequences(tmp_path: Path) -> None:
    own = tmp_path / "aist"
    shutil.copytree(SEQUENCES, own / "keypoints3d")
    (own / "music").mkdir()
    rate = 48_000
    for music in {name.split("_")[4] for name in FRAMES}:
        seconds = np.arange(33 * rate) / rate
        tone = 0.3 * np.sin(2 * np.pi * 220 * seconds) * (np.sin(2 * np.pi * 2 * seconds) > 0)
        soundfile.write(own / "music" / f"{music}.wav", tone, rate)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["datasets"]["aist"] |= {
        "accept_terms": True,
        "folder": str(own),
        "labels": {"gBR": "Break", "gJS": "Street jazz"},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for stage in ("download_aist", "joints", "bones", "merge", "music", "segment"):
        subprocess.run(
            [sys.executable, ROOT / "stages" / f"{stage}.py", "aist"], cwd=tmp_path, check=True
        )

    data = tmp_path / "data" / "aist"
    pieces = pd.read_csv(data / "pieces.csv").set_index("piece")
    # ch03 of held-out music is in no split of the release, so it is left out
    assert pieces["frames"].to_dict() == FRAMES
    index = pd.read_parquet(data / "segments" / "index.parquet")
    # one excerpt of 425 frames a sequence (O12), 17 segments of 25 frames each
    assert len(index) == 5 * 17
    assert index.groupby("split")["piece"].nunique().to_dict() == {"train": 4, "validation": 1}
    joints = np.load(data / "segments" / "joints.npy")
    bones = np.load(data / "segments" / "bones.npy")
    assert joints.shape == (85, 3, 25, 17)
    assert np.load(data / "segments" / "merged.npy").shape == (85, 6, 25, 17)
    assert np.load(data / "segments" / "music.npy").shape == (85, 1, 96, 25)
    assert joints.min() >= 0
    assert joints.max() <= 1
    # slot 0 is the right upper arm, shoulder 6 minus elbow 8; slot 16 stays the joint (O8, O18)
    np.testing.assert_allclose(bones[..., 0], joints[..., 6] - joints[..., 8], atol=1e-6)
    np.testing.assert_array_equal(bones[..., 16], joints[..., 16])
