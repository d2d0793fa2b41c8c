"""Files to documents, in processes that can be stopped; each format has a module."""
