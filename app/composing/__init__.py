"""Takes a question, its attachments, and shows how much context is left for it."""
