"""What other programs talk to: a server over HTTP with a page for browsers, and one for MCP."""
