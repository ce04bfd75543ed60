"""Many machines: Ray runs the jobs of a batch, Ray Serve answers single ones; files may lie behind URLs."""

from lipsync_edge.cluster.serving import application, deployment

__all__ = ["application", "deployment"]
