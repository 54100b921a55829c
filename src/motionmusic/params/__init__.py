"""What params.yaml may hold: one model per group, no default values."""
