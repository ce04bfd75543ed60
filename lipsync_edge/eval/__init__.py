"""How good a result is: every metric in a small file of its own, its definition and source in the docstring."""
