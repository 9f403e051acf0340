"""Staged roll-out: an update reaches a few devices first, and the others when those have proven it."""
