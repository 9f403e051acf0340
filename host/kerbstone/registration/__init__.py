"""What a network server must know of a kind of node: LoRaWAN profile and decoder. Keys of single nodes are not among it."""
