"""Where dances and their music come from."""
