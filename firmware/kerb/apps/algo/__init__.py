"""Arithmetic of the applications: pure functions and small state machines, each usable alone."""
