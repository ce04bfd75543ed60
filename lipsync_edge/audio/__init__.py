"""Sound in: PCM to mel columns, speech activity, and which columns belong to which frame."""
