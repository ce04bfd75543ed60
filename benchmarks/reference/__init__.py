"""The published wav2lip-hq in torch: what the presets are compared with."""
