"""RAPID: retrieval-augmented speculative decoding over local documents and local models."""

from rapid_cli.machine.processor import bound_spinning

# OpenMP reads this once, when the first library that brings it is loaded.
bound_spinning()
