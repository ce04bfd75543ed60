"""Single networks, timed and compared."""
