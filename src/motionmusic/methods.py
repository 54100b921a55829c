"""The names of the methods, in the order of the table."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal[
    "category", "mapping", "unmapped", "contrastive", "infonce", "synchrony", "deconfounded"
]
Way = Literal["practical", Method]
"""How `motionmusic recommend` chooses."""
METHODS: tuple[Method, ...] = get_args(Method)
