"""librosa, imported by one process at a time.

librosa compiles functions when it is first imported, and numba keeps them on disk. Two processes
that write them at once leave files that crash every later process
(https://github.com/numba/numba/issues/10128), so nothing else in this package imports librosa.
Each environment has files of its own, so a lock of its own: a fresh one compiles for a minute.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path

with ExitStack() as _stack:
    _here = f"{os.getuid()}-{zlib.crc32(sys.prefix.encode()):08x}"
    _path = Path(tempfile.gettempdir(), f"motionmusic-{_here}.lock")
    try:
        _flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        _lock = os.open(_path, _flags, 0o600)
        _stack.callback(os.close, _lock)
        fcntl.flock(_lock, fcntl.LOCK_EX)
    except OSError:
        pass  # no place for a lock: nobody waits
    import librosa
    import librosa.beat
    import librosa.core.audio
    import librosa.core.pitch
    import librosa.feature
    import librosa.onset
    import resampy

__all__ = ["librosa", "resampy"]
