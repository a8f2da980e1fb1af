"""Arithmetic on the log of a reply. No Qt."""
