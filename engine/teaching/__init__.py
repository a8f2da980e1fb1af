"""Drafters that learn from a frozen target: a head (EAGLE-3) and a block (DSpark), and how far they agree with it.

Plain torch: modules in the form the field publishes, the loss they learn by, what they are judged by, and their files.
Who writes the text and keeps the time is the caller's (packaging/starter/drafters.py).
"""
