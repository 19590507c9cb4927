from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import pytest

from tests.unit.recorded import EVERY_WAY, events_of, record_of
from trioexec.model.events import NodeStarted
from trioexec.model.hostlist import fold
from trioexec.model.outcomes import Exited
from trioexec.model.page import _seconds
from trioexec.sinks.page import page


def page_of(nodes: object = EVERY_WAY, **about: object) -> str:
    record = record_of(events_of(nodes, **about))  # type: ignore[arg-type]
    return page(record, run_id="k7f3", notes=["a <note>"], fold=fold)


def test_the_page_loads_nothing_and_lets_only_its_own_script_run() -> None:
    text = page_of()

    assert not re.search(r"""(src|href)=["'](?!#|data:,)""", text)
    assert "url(" not in text
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL)
    digest = re.search(r"script-src 'sha256-([^']+)'", text)
    assert script is not None
    assert digest is not None
    assert base64.b64decode(digest[1]) == hashlib.sha256(script[1].encode()).digest()


def test_every_node_has_a_row_that_leads_to_what_it_said() -> None:
    text = page_of()

    rows = re.findall(r'<a class="row (\w+)" href="#(o\d+)"', text)
    assert len(rows) == len(EVERY_WAY)
    assert rows[0][0] == "failed"
    assert {anchor for _, anchor in rows} == set(re.findall(r'id="(o\d+)"', text))


def test_times_are_where_they_were() -> None:
    text = page_of({"a": (Exited(code=0), []), "b": (Exited(code=0), [])}, exit_code=0)

    # b got its slot at 0.1 s, connected for 0.05 s, and all ended at 2.1 s.
    assert '<i class="q" style="left:0.00%;width:4.76%"></i>' in text
    assert '<i class="c" style="left:4.76%;width:2.38%"></i>' in text
    assert '<i class="r" style="left:7.14%;width:92.86%"></i>' in text


def test_a_node_whose_command_never_ran_only_connected() -> None:
    ping = [
        event
        for event in events_of({"a": (Exited(code=0), [])}, exit_code=0)
        if not isinstance(event, NodeStarted)
    ]

    text = page(record_of(ping), run_id="k7f3", notes=[], fold=fold)

    assert '<i class="c" style="left:0.00%;width:100.00%"></i>' in text
    assert '<i class="r" style="left:100.00%;width:0.00%"></i>' in text


@pytest.mark.parametrize(
    ("exit_code", "node", "tone"), [(0, 0, "ok"), (0, 3, "error"), (3, 3, "failed")]
)
def test_an_exit_code_is_green_only_where_all_went_well(
    exit_code: int, node: int, tone: str
) -> None:
    text = page_of({"a": (Exited(code=node), [])}, exit_code=exit_code)

    assert f'<div class="code {tone}">exit {exit_code}</div>' in text


def test_what_is_said_is_text() -> None:
    text = page_of({"a": (Exited(code=1), [("stdout", b"<b>\x1b[31m&amp;</pre>")])}, text="<i>")

    assert "&lt;b&gt;&amp;amp;&lt;/pre&gt;</pre>" in text
    assert "<h1>&lt;i&gt;</h1>" in text
    assert '<p class="note">a &lt;note&gt;</p>' in text


def test_a_run_that_went_well_has_nothing_wrong() -> None:
    text = page_of({"a": (Exited(code=0), [])}, exit_code=0, text="")

    assert "What went wrong" not in text
    assert "(ping)" in text
    assert "no output" in text


def test_a_run_of_no_nodes_is_a_page_too() -> None:
    assert "<h2>Slowest" not in page_of({}, exit_code=0)


def test_long_names_and_commands_are_shortened_where_it_is_narrow() -> None:
    nodes = {f"{'x' * i}-{i * i}a": (Exited(code=1), []) for i in range(1, 60)}

    text = page_of(nodes, text="word " * 100)

    assert "...</title>" not in text
    assert "... · trioexec</title>" in text
    assert "...</div></li>" in text


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (0, "0 s"),
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (59.94, "59.9 s"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
    ],
)
def test_a_time_is_as_long_as_it_needs_to_be(value_s: float, text: str) -> None:
    assert _seconds(value_s) == text


def luminance(color: str) -> float:
    """Of ``#rrggbb``, as WCAG defines it."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft", "ok", "failed", "error", "skipped"])
def test_every_word_can_be_read(theme: int, ink: str) -> None:
    style = (files("trioexec.sinks") / "page_assets" / "page.css").read_text()
    colors = dict(
        re.findall(r"--(\w+): (#\w{6});", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme])
    )

    for paper in ("paper", "card", "code"):
        light, dark = sorted((luminance(colors[ink]), luminance(colors[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, "the contrast that WCAG AA asks of text"
