"""Letters for what is none in a DOCX: numbers, symbols, equations, raised and lowered parts."""
