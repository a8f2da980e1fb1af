"""What can be set, where it is kept, and the windows that show it."""
