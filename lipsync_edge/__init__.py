"""Lip sync on ordinary hardware."""
