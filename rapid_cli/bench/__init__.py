"""Measuring speed: strategies side by side, and how a model runs fastest here."""
