"""Virtual boards on this machine's own ports and folders, for the real tools: mpremote, a UF2 copied with `cp`."""
