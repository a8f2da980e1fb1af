"""Drafters that learn from a frozen target: a head (EAGLE-3) and a block (DSpark), and how far they agree with it.

Plain torch: modules in the form the field publishes, the loss they learn by, what they are judged by, and their files;
`course.py` is a whole course of them, which `command.py` runs for any model: transformers writes and reads its text.
packaging/starter/drafters.py makes the starter's own, faster: its target is a plain module of its own there.
"""
