"""The command line: translation only, every command is a call of the Python API."""
