"""Boards on this computer's ports: what they are, and what is put onto them."""
