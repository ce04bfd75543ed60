"""Frames with faces to finished pictures: networks and arithmetic, no files, no clock."""
