"""The screens beside the first one: a node, several, a difference, help, the log."""
