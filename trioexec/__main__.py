"""``python -m trioexec`` and the console script.

Nothing is imported up here: `--version` and `--help` are asked by scripts, often, and cost no
more than an interpreter that does nothing.
"""

from __future__ import annotations

import gc
import io
import os
import sys

TYPE_CHECKING = False  # type checkers know it; `typing` costs 15 ms

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["main"]

ALLOCATIONS_A_COLLECTION = 200_000
"""Imports and connections make objects that stay; looking through them at every 700th costs a
tenth of a run and finds next to nothing.  The process is ours, so the setting is too."""


TOOLS = 6
"""So many may watch at once (PEP 669)."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        if text := _ready_answer():
            sys.stdout.write(text)
            sys.stdout.flush()
            return
    except (AttributeError, OSError):
        pass  # nobody reads: `run` has the words for that, and the code
    _open_missing_streams()
    gc.set_threshold(ALLOCATIONS_A_COLLECTION, *gc.get_threshold()[1:])
    try:
        _import_msgspec()
        from trioexec.cli.main import main as run  # noqa: PLC0415

        code = run()
    except KeyboardInterrupt:
        # Before and after `run` there is nobody to ask what was meant, and nothing to end.
        code = 130
    _leave(code)


def _ready_answer() -> str:
    """Give the answer, where it is a text that stands ready."""
    if sys.argv[0].endswith("pdsh"):
        return ""
    match sys.argv[1:]:
        case ["--version" | "-V"]:
            from trioexec import __version__  # noqa: PLC0415

            return f"trioexec {__version__}\n"
        case [*_, "--help" | "-h"] as arguments:
            from trioexec.cli.quick import help_text  # noqa: PLC0415

            return help_text(arguments, os.environ)
    return ""


def _import_msgspec() -> None:
    """Import what our records are made of, without `typing_extensions`.

    msgspec takes names from there, where it can, which `typing` has as well on all Pythons that
    we run on; importing that module takes longer than the rest of msgspec.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] # the import system's word for "not there"
    try:
        import msgspec  # noqa: F401, PLC0415
    finally:
        del sys.modules["typing_extensions"]


def _open_missing_streams() -> None:
    """Have something on descriptors 0 to 2 where the caller closed them (``2>&-``).

    The next file or socket to be opened would take the place, and get what was meant for
    a reader.  Writing to stdout still fails, as it must; what is said to nobody may be lost,
    and so may what stderr's reader, or its disk, does not take.
    """
    for fd, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, flags)  # the lowest that is free: this one
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - for as long as we are
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Lenient(2, "w", closefd=False)),
        encoding=sys.stderr.encoding if sys.stderr else None,
        errors="backslashreplace",
        line_buffering=True,
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        if isinstance(sys.stdout.buffer, io.RawIOBase) or not os.get_blocking(1):
            # Unbuffered (PYTHONUNBUFFERED), Python takes a part that was written for the whole.
            buffer = io.BufferedWriter(_Patient(1, "w", closefd=False))
            sys.stdout = io.TextIOWrapper(buffer, encoding=sys.stdout.encoding)
        # What the locale has no character for is written as stderr has it, and is no reason to end.
        sys.stdout.reconfigure(errors="backslashreplace")


class _Patient(io.FileIO):
    """Waits for its reader also where somebody has made the descriptor non-blocking."""

    def write(self, data: Buffer, /) -> int:
        while (written := super().write(data)) is None:
            import select  # noqa: PLC0415 - hardly ever wanted

            select.select([], [self], [])
        return written


class _Lenient(_Patient):
    """Loses what cannot be written: what is said about a call changes neither it nor its code."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _leave(code: int) -> None:
    """Exit, without taking the interpreter apart first.

    That takes as long as connections to 30 nodes, and the system does it for nothing; nor is a
    thread of a library waited for that will not end (the screen's library reads the terminal
    in one that outlives a terminal which is gone).  What has asked to be called at exit is.
    """
    import atexit  # noqa: PLC0415
    import contextlib  # noqa: PLC0415
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done and said: no traceback after it
    if _is_watched() and not _has_stuck_thread():
        sys.exit(code)  # who watches us has something to write down

    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other name for it
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # `run` has said what there was to say
            stream.flush()
    os._exit(code)


def _is_watched() -> bool:
    if sys.gettrace() or sys.getprofile():
        return True
    monitoring = getattr(sys, "monitoring", None)  # where profilers are, since Python 3.12
    return monitoring is not None and any(map(monitoring.get_tool, range(TOOLS)))


def _has_stuck_thread() -> bool:
    threading = sys.modules.get("threading")
    return threading is not None and any(
        thread is not threading.main_thread() and not thread.daemon and thread.is_alive()
        for thread in threading.enumerate()
    )


if __name__ == "__main__":
    main()
