"""The metrics: each in a small file of its own, its definition and source in the docstring."""
