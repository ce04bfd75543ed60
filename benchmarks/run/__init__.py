"""`lipsync-edge run`, measured."""
