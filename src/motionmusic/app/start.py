"""Entry point of ``motionmusic``: an interruption is one also while the commands are imported."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line; a kill or a closed terminal ends it with its temporary files removed."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _end)
    try:
        from motionmusic.app import cli
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
