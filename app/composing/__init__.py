"""Where a question is written, and how much room is left for it."""
