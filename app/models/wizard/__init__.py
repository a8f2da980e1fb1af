"""From nothing to a real model on disk: the wizard, the library page, and what joins them to the window."""
