"""Chat templates, which are programs of strangers: run once, in a process that can be stopped."""
