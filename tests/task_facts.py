"""about.json of a small task, for the tests that make one."""

ABOUT = {
    "task": "synthetic",
    "corpus": "synthetic",
    "source": "synthetic",
    "layout": "musictodance",
    "motion_rate_hz": 25.0,
    "labels": {"C": "Cha-cha", "R": "Rumba", "T": "Tango", "W": "Waltz"},
    "center": "once",
    "scale": "per_piece",
    "paper_bones": False,
    "music": {
        "feature": "logmel", "sample_rate": 12800, "resampler": "soxr_hq", "scale": "per_piece",
        "pad_short": False, "short_sound": "error",
    },
    "protocol": "by_piece",
    "folds": 2,
    "excerpt_frames": 25,
    "excerpts": None,
    "pieces": 12,
    "stand_ins": {"motion": 0, "sound": 0, "pieces": 0},
}  # fmt: skip
