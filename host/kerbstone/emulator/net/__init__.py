"""The emulated network of a device: Wi-Fi, sockets that reach real servers, services of its own."""
