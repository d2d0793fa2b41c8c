"""EPUB: books as chapters in the order of reading, their notes where the text refers to them."""
