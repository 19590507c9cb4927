"""Imports asyncssh without what it does in vain meanwhile.

It asks `ctypes.util.find_library` for liboqs and nettle.  That runs `ldconfig`, and, where
that knows no such library, the C compiler and the linker: 30 ms of a start, or 200.  The
loader's own cache says the same without a process.  And it imports all of X.509 before it
finds that pyOpenSSL, without which it has no use for it, is not there: another 25 ms.
Import this before anything that imports asyncssh.
"""

from __future__ import annotations

import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["OPTIONAL", "sparing_processes", "sparing_x509"]

OPTIONAL: Final = frozenset({"oqs", "liboqs", "nettle", "libnettle", "libnettle-6"})
"""What asyncssh can do without, and looks for by these names; others are looked for as ever."""

LOADER_CACHE: Final = Path("/etc/ld.so.cache")

_X509: Final = "asyncssh.crypto.x509"


@contextmanager
def sparing_processes() -> Iterator[None]:
    """While inside, `find_library` starts no process for an optional library that is not there.

    One that may be there is looked for as ever.  Threads that call it meanwhile get right
    answers too.
    """
    search = ctypes.util.find_library
    ctypes.util.find_library = _sparing(search, _cached())  # type: ignore[assignment]
    try:
        yield
    finally:
        ctypes.util.find_library = search


def _sparing(
    search: Callable[[str], str | None], cached: bytes | None
) -> Callable[[str], str | None]:
    def find_library(name: str) -> str | None:
        if name in OPTIONAL and cached is not None and b"lib%s." % name.encode() not in cached:
            return None
        return search(name)

    return find_library


def _cached() -> bytes | None:
    """The loader's cache; None where that is not all that the loader would look through."""
    if sys.platform != "linux" or "LD_LIBRARY_PATH" in os.environ or "CONDA_PREFIX" in os.environ:
        return None
    try:
        return LOADER_CACHE.read_bytes()
    except OSError:  # musl has none
        return None


@contextmanager
def sparing_x509() -> Iterator[None]:
    """While inside, asyncssh finds at once that it has no X.509 certificates, where that is so."""
    if _X509 in sys.modules or find_spec("OpenSSL") is not None:
        yield
        return
    sys.modules[_X509] = None  # type: ignore[assignment] # the import system's word for "not there"
    try:
        yield
    finally:
        del sys.modules[_X509]


if "asyncssh" not in sys.modules:
    with sparing_processes(), sparing_x509():
        import asyncssh  # noqa: F401, TID251
