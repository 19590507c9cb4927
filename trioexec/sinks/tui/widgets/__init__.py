"""What draws: a table of nodes, a text, a line of numbers."""
