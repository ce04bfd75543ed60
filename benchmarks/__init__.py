"""Measurements made by hand: `python -m benchmarks NAME [options]`; README.md lists them and their rows."""
