"""The air of a cell: who transmits, who can hear it, and the bench network behind the gateway."""
