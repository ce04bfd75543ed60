"""`lipsync-edge batch`, measured."""
