"""What other systems are given of the devices: one source, a form for each."""
