"""Networks of others that label the corpus; used for training only, never shipped."""
