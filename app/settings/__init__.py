"""Defines the settings, stores them, and shows the dialogs that change them."""
