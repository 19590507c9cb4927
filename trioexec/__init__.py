"""Run a command on many machines over SSH; leave nothing running when the run has ended."""
