"""Chooses the chain of levels, and their windows, that writes fastest: by what was measured, while a reply goes on."""
