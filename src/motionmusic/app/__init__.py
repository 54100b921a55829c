"""The command ``motionmusic``, and the scheduler."""
