"""Golden vectors of the original implementations, and checkpoints made to match them."""
