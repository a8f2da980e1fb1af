"""The column of questions and answers in the middle of the window."""
