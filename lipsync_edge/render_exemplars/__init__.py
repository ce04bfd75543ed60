"""Own mouth: the person's real lips and teeth, taken from other frames of the same film (exemplars)."""
