from __future__ import annotations

import ctypes.util
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from trioexec.transports.ssh import quick_import
from trioexec.transports.ssh.quick_import import sparing_processes, sparing_x509

PROBE = """
import json, sys
started = []
sys.addaudithook(lambda event, args: event == "subprocess.Popen" and started.append(str(args[1])))
{first}
import asyncssh
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.public_key import get_public_key_algs, get_x509_certificate_algs
asked = (get_kex_algs, get_mac_algs, get_encryption_algs, get_public_key_algs)
algorithms = [sorted(map(str, get())) for get in (*asked, get_x509_certificate_algs)]
print(json.dumps([started, algorithms, [name for name in sys.modules if "x509" in name]]))
"""


def probe(first: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(first=first)],
        check=True,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    result: list[list[str]] = json.loads(done.stdout)
    return result


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that were looked for in the slow way, which finds everything."""
    asked: list[str] = []

    def search(name: str) -> str:
        asked.append(name)
        return name

    monkeypatch.setattr(ctypes.util, "find_library", search)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    return asked


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "ld.so.cache"
    monkeypatch.setattr(quick_import, "LOADER_CACHE", path)
    path.write_bytes(b"libnettle.so.8\0/lib/libnettle.so.8\0")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is spared")
@pytest.mark.parametrize(
    "module",
    [
        pytest.param("trioexec.transports.ssh.transport", id="for a run"),
        pytest.param("trioexec.transports.ssh.routes", id="for a run by others"),
        pytest.param("trioexec.testing.fleet", id="for a fleet of our own"),
    ],
)
def test_import_runs_no_compiler_and_offers_the_same_algorithms(module: str) -> None:
    started, algorithms, _ = probe(f"import {module}")
    _, plain_algorithms, _ = probe("")

    assert [line for line in started if "ldconfig" not in line] == []
    assert algorithms == plain_algorithms


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is spared")
def test_a_library_that_the_loader_does_not_know_costs_no_search(
    searches: list[str], cache: Path
) -> None:
    with sparing_processes():
        found = [ctypes.util.find_library(name) for name in ("oqs", "nettle", "c")]

    assert found == [None, "nettle", "c"]
    assert searches == ["nettle", "c"]


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "CONDA_PREFIX"])
def test_where_the_loader_looks_elsewhere_too_the_search_is_as_ever(
    searches: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/opt/lib")

    with sparing_processes():
        assert ctypes.util.find_library("oqs") == "oqs"


def test_without_a_cache_the_search_is_as_ever(searches: list[str], cache: Path) -> None:
    cache.unlink()

    with sparing_processes():
        assert ctypes.util.find_library("oqs") == "oqs"


def test_the_search_is_put_back_also_after_an_error() -> None:
    before = ctypes.util.find_library

    with pytest.raises(LookupError), sparing_processes():
        assert ctypes.util.find_library is not before
        raise LookupError

    assert ctypes.util.find_library is before


PYOPENSSL = """
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
openssl = sys.modules["OpenSSL"] = module_from_spec(ModuleSpec("OpenSSL", None))
openssl.crypto = openssl
"""


@pytest.mark.skipif(find_spec("OpenSSL") is not None, reason="X.509 is of use here")
def test_x509_is_imported_only_where_it_is_of_use() -> None:
    _, _, spared = probe("import trioexec.transports.ssh.quick_import")
    _, _, plain = probe("")
    _, _, with_pyopenssl = probe(PYOPENSSL + "import trioexec.transports.ssh.quick_import")

    assert spared == []
    assert "cryptography.x509" in plain
    assert "asyncssh.crypto.x509" in with_pyopenssl


def test_a_search_for_x509_leaves_no_trace() -> None:
    with sparing_x509():
        pass

    assert sys.modules.get("asyncssh.crypto.x509", "nothing") is not None
