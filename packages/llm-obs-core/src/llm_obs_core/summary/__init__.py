"""What the summary of a trace and of a session is: one table, and the fold that follows it."""
