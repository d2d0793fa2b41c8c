"""Formats beside PDF, DOCX, HTML and text, and the encodings of all that is text."""
