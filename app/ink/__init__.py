"""Text widgets that paint token marks behind the letters."""
