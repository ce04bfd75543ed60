"""Training of the bundled networks (torch; developers only)."""
