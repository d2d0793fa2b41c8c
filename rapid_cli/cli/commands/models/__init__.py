"""What the commands below `rapid models` do."""
