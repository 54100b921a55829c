"""docs/findings.md: the story, written from the metrics that are there."""
