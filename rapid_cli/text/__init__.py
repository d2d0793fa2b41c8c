"""Rules of text: words, sentences, page references, and what a terminal may be shown."""
