"""The study: from finished runs to the tables, figures and verdicts of the book."""
