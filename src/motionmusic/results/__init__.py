"""Numbers become tables and pictures."""
