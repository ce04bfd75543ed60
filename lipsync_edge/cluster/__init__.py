"""Many machines: Ray runs the jobs of a batch."""
