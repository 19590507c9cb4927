"""Whether upstream is what the loop was written for."""

from __future__ import annotations

import asyncio  # noqa: TID251
import hashlib
import inspect
import selectors

import pytest
import trio_asyncio  # noqa: TID251

from tests.unit.test_loop_against_asyncio import STOCK_RUNS
from trioexec.transports.ssh import loop as loop_module
from trioexec.transports.ssh import quick_loop
from trioexec.transports.ssh.loop import run_in_loop
from trioexec.transports.ssh.quick_loop import OVERRIDDEN, RELIED_ON, misfit

# Upstream

UPSTREAM = {
    "0.16.0": {
        "_add_callback": "5640c39ba75e",
        "_add_reader": "d9b417a95850",
        "_add_writer": "b4bc310d6b84",
        "_cancel_fds": "417049b67996",
        "_main_loop": "45a1198042d3",
        "_main_loop_one": "cbe727d65866",
        "_queue_handle": "25c333f7a57c",
        "_timer_handle_cancelled": "b5a033e367a4",
        "call_at": "812a2a39d1ec",
        "call_later": "c91d8dd7aae1",
        "call_soon": "dbfc6c85474f",
        "call_soon_threadsafe": "a26843e346a5",
        "_cancel_timers": "44009fea1c0f",
        "_main_loop_exit": "beede9a994f2",
        "_main_loop_init": "dbb8156a23e8",
        "run_aio_coroutine": "feb2a2ec7835",
        "__init__": "d1d5d493743f",
        "open_loop": "73bcbe0df39d",
    },
    "0.15.0": {
        "_add_callback": "5640c39ba75e",
        "_add_reader": "d9b417a95850",
        "_add_writer": "b4bc310d6b84",
        "_cancel_fds": "417049b67996",
        "_main_loop": "45a1198042d3",
        "_main_loop_one": "8bad8ff261ca",
        "_queue_handle": "25c333f7a57c",
        "_timer_handle_cancelled": "b5a033e367a4",
        "call_at": "812a2a39d1ec",
        "call_later": "c91d8dd7aae1",
        "call_soon": "dbfc6c85474f",
        "call_soon_threadsafe": "a26843e346a5",
        "_cancel_timers": "44009fea1c0f",
        "_main_loop_exit": "beede9a994f2",
        "_main_loop_init": "dbb8156a23e8",
        "run_aio_coroutine": "feb2a2ec7835",
        "__init__": "d1d5d493743f",
        "open_loop": "73bcbe0df39d",
    },
}


def fingerprint(function: object) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]  # type: ignore[arg-type]


def upstream_shape() -> dict[str, str]:
    shape = {
        name: fingerprint(getattr(trio_asyncio.TrioEventLoop, name))
        for name in (*OVERRIDDEN, *RELIED_ON)
    }
    shape["__init__"] = fingerprint(trio_asyncio.BaseTrioEventLoop.__init__)
    shape["open_loop"] = fingerprint(trio_asyncio.open_loop)
    return shape


def test_upstream_has_the_shape_that_the_quick_loop_was_written_for() -> None:
    """When this fails: read what has changed, mend `quick_loop`, then note the new shape here."""
    version = trio_asyncio.__version__

    assert version in UPSTREAM, f"trio-asyncio {version} was never looked at"
    assert upstream_shape() == UPSTREAM[version]


@pytest.mark.skipif(not STOCK_RUNS, reason="trio-asyncio's own loop runs no tasks here")
@pytest.mark.parametrize(
    ("module", "name", "value", "says"),
    [
        pytest.param(trio_asyncio, "__version__", "0.17.0", "0.17.0", id="another version"),
        pytest.param(quick_loop, "RELIED_ON", ("_gone",), "_gone", id="a method is gone"),
        pytest.param(
            trio_asyncio, "open_loop", trio_asyncio.open_loop, "another way", id="another opener"
        ),
        pytest.param(selectors, "DefaultSelector", object, "selector", id="no epoll"),
    ],
)
async def test_where_upstream_or_the_system_differs_the_stock_loop_serves(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: object, says: str
) -> None:
    if name == "open_loop":

        def other() -> object: ...

        stock = trio_asyncio.open_loop

        def opener() -> object:
            return stock()

        opener.__wrapped__ = other  # type: ignore[attr-defined]
        value = opener
    monkeypatch.setattr(module, name, value)

    assert says in (misfit() or "")
    async with loop_module.open_loop() as loop:
        assert type(loop) is trio_asyncio.TrioEventLoop
        assert await run_in_loop(loop, asyncio.sleep(0, 1)) == 1


def test_here_the_quick_loop_serves() -> None:
    assert misfit() is None
