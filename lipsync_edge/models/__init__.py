"""What networks there are and how they run: specs, presets, files, runtimes."""
