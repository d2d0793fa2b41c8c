"""The layout of a page: its letters with their places, and the text that they make."""
