"""The screen of ``--tui``: textual, inside the trio loop.

`board` and `transcript` hold the run, without a terminal; the widgets and screens
draw them; `sink` joins both with the run.
"""
