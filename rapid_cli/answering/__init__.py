"""Answering one question: what is read, who drafts, what is written, and what supports it."""
