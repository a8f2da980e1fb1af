"""The window: chat on the left, what speculation did on the right. Importing it never imports torch."""
