"""The page in a real browser: it runs, stays quiet, fits a phone, and lets nothing in."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.recorded import EVERY_WAY, events_of, record_of
from trioexec.model.hostlist import fold
from trioexec.model.outcomes import Exited
from trioexec.sinks.page import page

HANG_S = 120
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

EVIL = (
    b"</pre><script>document.title='forged'</script><img src=x onerror=\"document.title='forged'\">"
    b"<style>body{display:none}</style>&lt;"
)

DRIVER = """<!doctype html><title>waiting</title><body><script>
const frame = document.createElement("iframe");
frame.style = "width:%(width)dpx;height:800px;border:0";
frame.addEventListener("load", () => {
  const doc = frame.contentDocument, root = doc.documentElement;
  const rows = () => Array.from(doc.querySelectorAll("a.row")).filter((row) => !row.hidden);
  const names = () => rows().map((row) => row.querySelector(".name").textContent);
  const groups = () => doc.querySelectorAll("details.out:not([hidden])").length;
  const found = {ready: root.dataset.ready, title: doc.title, first: names(), groups: groups(),
    wide: root.scrollWidth - root.clientWidth, scripts: doc.querySelectorAll("script").length,
    images: doc.querySelectorAll("img").length};
  const [ticks, track] = [".axis .ticks", ".row .track"].map((which) => doc.querySelector(which).getBoundingClientRect());
  found.off = [ticks.left - track.left, ticks.right - track.right].map(Math.round);
  const filter = doc.getElementById("filter"), order = doc.getElementById("order");
  const type = (text) => new Promise((done) => {
    filter.value = text;
    filter.dispatchEvent(new frame.contentWindow.Event("input"));
    setTimeout(done, 20); // the page's own timer was set before
  });
  (async () => {
    const began = performance.now();
    await type(%(filter)s);
    found.filterMs = performance.now() - began;
    found.filtered = names(); found.filteredGroups = groups();
    await type("no such thing anywhere");
    found.none = !doc.getElementById("none").hidden && rows().length === 0;
    await type("");
    order.value = "node";
    order.dispatchEvent(new frame.contentWindow.Event("change"));
    found.ordered = names().slice(0, 3);
    doc.getElementById("more").click();
    found.all = rows().length;
    document.title = "done";
    document.body.textContent = "FOUND" + JSON.stringify(found) + "END";
  })();
});
frame.src = "run.html";
document.body.append(frame);
</script>
"""


@pytest.fixture
def chromium() -> str:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install chromium: the page's tests may not skip")
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    return CHROMIUM


def look(chromium: str, folder: Path, document: str, *, width: int, text: str) -> dict[str, object]:
    """Open the page in a frame of that width, use it, and say what came of it."""
    (folder / "run.html").write_text(document)
    driver = DRIVER % {"width": width, "filter": json.dumps(text)}
    (folder / "driver.html").write_text(driver)
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            (folder / "driver.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    match = re.search(r"FOUND(\{.*\})END", done.stdout)
    assert match, (done.stdout[-2000:], done.stderr[-2000:])
    return dict(json.loads(html.unescape(match[1])))


@pytest.mark.parametrize("width", [1180, 375])
def test_the_page_works_in_a_browser_without_a_complaint(
    chromium: str, tmp_path: Path, width: int
) -> None:
    document = page(record_of(events_of(EVERY_WAY)), run_id="k7f3", notes=[], fold=fold)

    found = look(chromium, tmp_path, document, width=width, text="web broke")

    assert found["ready"] == "yes"
    assert found["wide"] == 0, "it scrolls sideways"
    assert found["off"] == [0, 0], "the times do not stand over the bars"
    assert found["groups"] == 9
    assert found["first"][:3] == ["slow", "web4", "web3"]  # type: ignore[index]
    assert found["filtered"] == ["web3"]  # "broke" is what it said, not what it is called
    assert found["filteredGroups"] == 1
    assert found["none"] is True
    assert found["ordered"] == ["web1", "web2", "web3"]


def test_nothing_a_node_says_runs_or_shows_as_markup(chromium: str, tmp_path: Path) -> None:
    nodes = {"a'><script>1</script>": (Exited(code=1), [("stdout", EVIL), ("stderr", EVIL)])}
    events = events_of(nodes, text="<script>document.title='forged'</script>")  # type: ignore[arg-type]
    document = page(record_of(events), run_id="k7f3", notes=[EVIL.decode()], fold=fold)

    found = look(chromium, tmp_path, document, width=800, text="onerror")

    assert (found["scripts"], found["images"]) == (1, 0)
    assert found["title"] != "forged"
    assert found["filtered"] == ["a'><script>1</script>"]


def test_a_name_finds_its_node_and_not_those_that_said_the_same(
    chromium: str, tmp_path: Path
) -> None:
    nodes = {f"web{i}": (Exited(code=0), [("stdout", b"fine\n")]) for i in (*range(1, 40, 2), 71)}
    document = page(record_of(events_of(nodes)), run_id="k7f3", notes=[], fold=fold)  # type: ignore[arg-type]

    found = look(chromium, tmp_path, document, width=375, text="71")

    assert "all 21 names" in document
    assert found["filtered"] == ["web71"]


def test_a_thousand_nodes_are_filtered_in_no_time(chromium: str, tmp_path: Path) -> None:
    nodes = {
        f"web{i:04}": (Exited(code=i % 3), [("stdout", b"answer %d\n" % (i % 7))])
        for i in range(1000)
    }
    document = page(record_of(events_of(nodes)), run_id="k7f3", notes=[], fold=fold)  # type: ignore[arg-type]

    found = look(chromium, tmp_path, document, width=1180, text="web0999")

    assert found["filtered"] == ["web0999"]
    assert len(found["first"]) == 24  # type: ignore[arg-type]
    assert found["all"] == 1000
    assert float(found["filterMs"]) < 2000  # type: ignore[arg-type] - it takes some 10


def test_the_command_line_writes_a_page_of_a_real_run(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "SHELL": "/bin/sh"}

    def trioexec(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "trioexec", *words]
        return subprocess.run(
            command,
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    assert trioexec("-H", "a,b", "--transport", "local", "echo hello").returncode == 0
    done = trioexec("runs", "report", "last", "-o", "run.html")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "run.html is written.\n")
    assert '<pre class="stdout">\nhello\n</pre>' in (tmp_path / "run.html").read_text()
    assert "http" not in re.sub(
        r"Content-Security-Policy|http-equiv", "", (tmp_path / "run.html").read_text()
    )
    assert trioexec("runs", "report", "-o", "no/such/dir.html").returncode == 2
    piped = trioexec("runs", "report", "-o", "-")
    assert (piped.stdout, piped.stderr) == ((tmp_path / "run.html").read_text(), "")
