"""Developers' tools: convert, quantize, validate and train networks."""
