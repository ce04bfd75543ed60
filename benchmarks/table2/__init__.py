"""The paper's Table 2, filled with our presets."""
