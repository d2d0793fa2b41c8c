"""Which encoding a text is in that is neither UTF-8 nor marked: judged by the letters it gives."""
