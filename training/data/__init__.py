"""Corpus, labels, voices and what disguises them."""
