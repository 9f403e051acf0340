"""Virtual cellular modems: one core (line, commands, power, registration, data) and a dialect a family, written from the manuals."""
