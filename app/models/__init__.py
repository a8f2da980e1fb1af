"""Models: the library page, downloads, the wizard, and the pickers in the top bar."""
