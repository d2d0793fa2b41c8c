"""The vectors of chunks in Chroma, in a folder or on a server, and the search among them."""
