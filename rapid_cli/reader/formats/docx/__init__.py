"""DOCX files: what Word shows of them, its own numbers, marks and notes included."""
