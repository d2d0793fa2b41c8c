"""Opening and closing everything that a command needs."""
