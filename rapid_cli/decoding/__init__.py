"""The decoding core: numpy only, without I/O, clock or text."""
