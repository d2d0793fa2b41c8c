"""The terminal: what a command found goes to stdout, everything about it to stderr."""
