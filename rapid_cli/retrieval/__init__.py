"""From documents to passages: cut into chunks, embedded, ranked."""
