"""What a node draws, what its battery gives, and how long the two go together."""
