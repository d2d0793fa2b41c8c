"""The library: documents kept in chunks, and the passages that questions find there."""
