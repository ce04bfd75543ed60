"""The sync expert, which measures and does not ship."""
