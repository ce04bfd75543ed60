"""Two checkouts, measured in turn."""
