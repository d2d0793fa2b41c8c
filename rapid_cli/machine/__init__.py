"""The machine: its processor and processes, and what it lacks or has in the way."""
