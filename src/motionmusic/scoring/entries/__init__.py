"""Models on the leaderboard: one module each, with one function (docs/benchmark.md)."""
