"""Which passages support an answer, and where in them."""
