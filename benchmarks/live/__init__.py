"""Live streams, measured."""
