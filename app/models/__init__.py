"""Which model answers: the library, downloads, the wizard, and what is chosen above the conversation."""
