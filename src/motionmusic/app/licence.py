"""The licence of VirtualConductor's weights, asked for before anything slow is imported."""

from __future__ import annotations

import sys
from pathlib import Path

from motionmusic.app.arguments import confirmed
from motionmusic.app.outputs import cache_folder
from motionmusic.errors import UserError
from motionmusic.models.published import NOTICE, accepted
from motionmusic.terminal import note


def licensed_store(accept: bool) -> Path:
    """Where the weights are kept, of which somebody has accepted the licence, now or earlier.

    Raises UserError where nobody has: they did not ask for it with ``accept``, nor on the terminal.
    """
    store = cache_folder() / "weights"
    if accept or accepted(store):
        return store
    expected = "the licence of the weights to be accepted"
    if not sys.stdin.isatty():
        got = "no answer, as there is no terminal to ask on"
        remedy = f"read it, and repeat the command with --accept-licence if you do: {NOTICE}"
        raise UserError("motionmusic conduct", "--accept-licence", expected, got, remedy)
    note("The weights of VirtualConductor are not ours. Their authors' terms:")
    note(NOTICE)
    if not confirmed("Do you accept them?", default=False):
        remedy = "nothing was downloaded or written; do without, or ask their authors"
        raise UserError("motionmusic conduct", "", expected, "no", remedy)
    return store
