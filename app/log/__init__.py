"""Computes figures and sentences from the log of a reply. No Qt."""
