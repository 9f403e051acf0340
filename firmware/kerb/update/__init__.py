"""Signed updates: verified, kept in slots, started, confirmed or left again."""
