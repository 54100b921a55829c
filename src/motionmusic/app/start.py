"""Entry point of ``motionmusic``: an interruption is one also while the commands are imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from motionmusic.app import cli
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()
