"""Training of the bundled networks: run by hand, never imported by the package."""
