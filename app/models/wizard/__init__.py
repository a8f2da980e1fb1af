"""The wizard that leads to a first model: choose, sign in, download, try."""
