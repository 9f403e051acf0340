"""Boards on the bench: virtual ones that the makers' own tools take for real."""
