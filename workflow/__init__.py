"""From data to book, and what runs it."""
