"""Training of the audio encoder: real and synthetic voices in many languages, phones in between."""
