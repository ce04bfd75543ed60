"""Pictures to be judged by eye."""
