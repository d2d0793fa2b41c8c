"""PDF files: their text by two libraries, judged, and by OCR where pages have none."""
