"""Keeps conversations: what was said, its branches, the database, the list at the left."""
