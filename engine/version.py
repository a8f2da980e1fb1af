"""The version of Updraft, written here and nowhere else: a checkout and a bundle both have this file."""

VERSION = "0.1.0"
