"""Colours, fonts and pictures."""
