# Stage 0. Nothing is decided here yet: one slot, started by main.py.
