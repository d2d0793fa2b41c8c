"""A server of the Model Context Protocol: tools of documents and models for other programs."""
