"""The surroundings of the nodes: sites, weather, sun; and the truth about them."""
