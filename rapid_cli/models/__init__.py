"""Language models: described in models.toml, fetched, asked, and what they have read kept."""
