"""The checks of a node against its board and its firmware: a table of rules (table.py), a file a subject."""
