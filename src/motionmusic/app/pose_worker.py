"""MediaPipe's Pose on a video, run as a script in the environment that `motionmusic pose` makes.

    python pose_worker.py OUT.npz < frames

Standard input: 16 bytes (width, height, frames expected, reserved; little-endian int32), then RGB
pictures of that size, one after the other. OUT.npz: ``joints`` (frames, 33, 3) in metres from the
middle of the hips as MediaPipe has them, NaN where nobody was found, and ``seen`` (frames, 33, 3):
x, y in parts of the picture, and how well the joint is seen. A line a hundred frames goes to
standard output. It imports nothing of motionmusic, whose packages are not in that environment.
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Read pictures until there are no more."""
    import mediapipe
    import numpy as np

    stream = sys.stdin.buffer
    width, height, _, _ = np.frombuffer(stream.read(16), "<i4").tolist()
    size = width * height * 3
    joints: list[Any] = []
    seen: list[Any] = []
    nobody = np.full((33, 3), np.nan, np.float32)
    with mediapipe.solutions.pose.Pose(model_complexity=1) as pose:
        while len(picture := stream.read(size)) == size:
            image = np.frombuffer(picture, np.uint8).reshape(height, width, 3)
            found = pose.process(image)
            if found.pose_world_landmarks is None:
                joints.append(nobody)
                seen.append(nobody)
            else:
                world, flat = found.pose_world_landmarks.landmark, found.pose_landmarks.landmark
                joints.append(np.array([(p.x, p.y, p.z) for p in world], np.float32))
                seen.append(np.array([(p.x, p.y, p.visibility) for p in flat], np.float32))
            if len(joints) % 100 == 0:
                print(len(joints), flush=True)
    np.savez(sys.argv[1], joints=np.array(joints), seen=np.array(seen))


if __name__ == "__main__":
    main()
