"""Views of how tokens came to be, all of them functions of a reply's events."""
