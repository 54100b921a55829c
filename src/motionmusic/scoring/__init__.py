"""Predictions and what they are worth."""
