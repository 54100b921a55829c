"""From dances and sound to network inputs."""
