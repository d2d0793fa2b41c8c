"""RAPID: retrieval-augmented speculative decoding over local documents and local models."""
