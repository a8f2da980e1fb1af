"""The Reading view: a reply as typeset Markdown."""
