"""Text that carries marks behind its letters."""
