"""The contexts of documents that were read, kept on disk for the questions to come."""
