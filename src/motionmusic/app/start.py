"""Entry point of ``motionmusic``: an interruption is one also while the commands are imported."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_ENDS = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> None:
    """Run the command line; a kill or a closed terminal ends it with its temporary files removed."""
    for name in _ENDS:
        number = getattr(signal, name)
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _end)
    try:
        from motionmusic.app import cli
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


def _end(number: int, frame: FrameType | None) -> None:
    for name in _ENDS:  # a closing terminal may tell it twice
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    sys.exit(128 + number)
