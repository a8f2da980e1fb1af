"""The panel and the replay: how an answer was made, drawn from a reply's events alone."""
