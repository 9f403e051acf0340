"""For tests of one's own node: emulated nodes in virtual time, and boards that run a script (pytest plugin `kerbstone`)."""
