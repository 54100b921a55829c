"""Five ways to match music to a dance, on one set of codes and scores."""
