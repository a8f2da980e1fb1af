"""Teaching a model to draft: what is taught and for how long, how far it is, and what became of it."""
