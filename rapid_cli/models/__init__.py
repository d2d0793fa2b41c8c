"""Language models: described in models.toml, fetched, prompted; and their prefix cache on disk."""
