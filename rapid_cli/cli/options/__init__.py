"""What may be said after a command: a class of options for each command that has many."""
