"""Measuring quality: strategies side by side on questions whose right answers are known."""
