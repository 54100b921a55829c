"""What moves: bodies, pages, films."""
