"""Figures of the bundled networks on people who were never trained on."""
