"""Identities: planned, minted, written to a board, proven by it, and accounted for."""
