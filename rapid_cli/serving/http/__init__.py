"""The server over HTTP: in the forms of OpenAI, in its own, and with a page for browsers."""
