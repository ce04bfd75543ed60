"""Where the faces are: detection, tracking over time, identity, alignment."""
