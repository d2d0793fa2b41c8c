"""rapid's own files: databases, locks, logs, and files that are written whole or not at all."""
