"""What learns from a frozen target to guess ahead for it: a head (EAGLE-3), a block (DSpark), exits, small models.

Plain torch: modules in the form the field publishes, the loss they learn by, what they are judged by, and their files;
`course.py` is a whole course of them, which `command.py` runs for any model: transformers reads its text, and writes it
where `writing.py` does not. packaging/starter/make.py calls it for all that the starter has.
"""
