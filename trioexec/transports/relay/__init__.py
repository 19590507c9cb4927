"""A transport in another process, behind a Unix socket: what holders and workers have in common."""
