"""Runs drafters that read a target: their weights, and what they have taken in of a conversation."""
