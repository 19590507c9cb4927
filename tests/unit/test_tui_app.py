"""What the keys do, by textual's pilot, in a trio test."""

from __future__ import annotations

import asyncio  # noqa: TID251 - inside textual

import pytest
import trio
from textual.strip import Strip

from tests.unit.sink_fakes import ended, err, finished, out, run_of, started
from tests.unit.tui_rig import Rig, play
from trioexec.model.events import Event, NodeConnecting, NodeQueued, NodeStarted
from trioexec.model.outcomes import StopReason, Unreachable
from trioexec.sinks.tui.board import Row
from trioexec.sinks.tui.screens.help import KEYS
from trioexec.sinks.tui.transcript import BLOCK_BYTES
from trioexec.sinks.tui.widgets import text
from trioexec.sinks.tui.widgets.table import NodeTable
from trioexec.sinks.tui.widgets.text import TextView


def four() -> list[Event]:
    return run_of(
        ("web1", [out("web1", b"same\nold\n")], 0),
        ("web2", [out("web2", b"same\nold\n")], 0),
        ("web10", [out("web10", b"same\nnew\n"), err("web10", b"oops\n")], 3),
        ("db", [], Unreachable(reason="no route to host")),
        exit_code=3,
    )


def going(*names: str) -> list[Event]:
    return [
        started(*names, command="uptime"),
        *(NodeQueued(node=name, at_s=0) for name in names),
        *(NodeConnecting(node=name, at_s=0.1) for name in names),
        *(NodeStarted(node=name, at_s=0.2) for name in names),
    ]


async def test_the_table_says_how_every_node_stands_and_the_footer_how_the_run_does() -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.shows()

        assert "✓ web1" in shown
        assert "exit 3" in shown
        assert "unreachable: no route to" in shown
        assert "A \u00d72" in shown
        assert "oops" in shown
        assert "4/4  2 ok  2 failed  1 s  finished: exit 3 - q quits" in shown

    await play(scene, four())


async def test_it_counts_while_it_runs_and_estimates_what_is_left() -> None:
    names = [f"n{number}" for number in range(9)]

    async def scene(rig: Rig) -> None:
        assert "0/9  5 running  4 queued" in await rig.shows()
        rig.tell(*(finished(name, at_s=0.5) for name in names[:4]))
        shown = await rig.shows()
        assert "4/9  4 ok  1 running  4 queued" in shown
        assert "left" in shown

    await play(
        scene,
        [
            started(*names),
            *(NodeQueued(node=name, at_s=0) for name in names),
            *(NodeConnecting(node=name, at_s=0.1) for name in names[:5]),
        ],
    )


async def test_the_filter_narrows_as_one_types_however_fast() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("slash", "w", "e", "b", "1")
        assert await rig.rows() == ["web1", "web10"]
        await rig.press("enter", "slash", "end", *" !ok")
        assert await rig.rows() == ["web10"]
        assert "1 of 4 nodes" in await rig.shows()
        await rig.press("escape")
        assert await rig.rows() == ["web1", "web2", "web10", "db"]
        assert "no node matches" in await rig.press("slash", "z", "z", "z")

    await play(scene, four())


async def test_o_goes_through_the_orders_and_capital_o_turns_them_round() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("o")
        assert await rig.rows() == ["web10", "db", "web1", "web2"]
        assert "STATE▼" in await rig.shows()
        await rig.press("O")
        assert await rig.rows() == ["web2", "web1", "db", "web10"]
        await rig.press("O", "o", "o", "o")
        assert await rig.rows() == ["db", "web1", "web2", "web10"]
        assert "NODE▼" in await rig.shows()

    await play(scene, four())


async def test_rows_change_places_and_the_cursor_stays_on_its_node() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("o", "down")
        table = rig.app.screen.query_one(NodeTable)
        assert table.current is rig.sink.board.by_name["b"]
        rig.tell(finished("c", 1))
        for _ in range(5):
            await rig.shows()
        assert await rig.rows() == ["c", "a", "b"]
        assert table.current is rig.sink.board.by_name["b"]

    await play(scene, going("a", "b", "c"))


async def test_enter_shows_all_that_a_node_said_and_escape_goes_back() -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.press("down", "down", "enter")
        assert "✗ web10   exit 3" in shown
        assert "▌ oops" in shown
        assert "✗ db   unreachable: no route to host" in await rig.press("right_square_bracket")
        assert "(no output)" in await rig.shows()
        assert "✗ web10" in await rig.press("left_square_bracket")
        assert "NODE" in await rig.press("escape")

    await play(scene, four())


async def test_it_follows_the_end_until_one_scrolls_up_and_again_with_f() -> None:
    lines = b"".join(b"line %d\n" % number for number in range(100))

    async def scene(rig: Rig) -> None:
        shown = await rig.press("enter")
        assert "follows" in shown
        assert "line 99" in shown
        rig.tell(out("a", b"more\n"))
        assert "more" in await rig.shows()
        shown = await rig.press("pageup")
        assert "more" not in shown
        assert "follows" not in shown
        rig.tell(out("a", b"unseen\n"))
        assert "unseen" not in await rig.shows()
        assert "unseen" in await rig.press("f")
        assert "line 0" in await rig.press("g")
        assert "unseen" in await rig.press("G")

    await play(scene, [*going("a"), out("a", lines)])


async def test_search_finds_the_next_and_the_one_before_and_says_where_there_is_none() -> None:
    lines = b"".join(b"line %d\n" % number for number in range(9000))

    async def scene(rig: Rig) -> None:
        view = "line 777"
        await rig.press("enter", "slash", *"LINE 777", "enter")
        await rig.app.workers.wait_for_complete()
        assert view in await rig.shows()
        found = rig.app.screen.query_one(TextView)
        assert found.found == 777
        await rig.press("n")
        await rig.app.workers.wait_for_complete()
        assert found.found == 7770
        await rig.press("N", "N")
        await rig.app.workers.wait_for_complete()
        await rig.press("slash", *"nowhere", "enter")
        await rig.app.workers.wait_for_complete()
        assert "is nowhere in what a has said" in rig.hints
        assert found.needle
        await rig.press("escape")
        assert not found.needle
        assert "NODE" in await rig.press("escape")

    await play(scene, [*going("a"), out("a", lines), finished("a")])


async def test_marked_nodes_are_shown_side_by_side() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("s")
        assert "mark nodes with the space bar" in rig.hints
        shown = await rig.press("space", "down", "space", "s")
        assert "✓ web1   ok" in shown
        assert "✗ web10   exit 3" in shown
        assert "✓ web2" not in shown
        assert "+new" in await rig.press("d")
        assert "✗ web10   exit 3" in await rig.press("escape", "tab", "enter")
        await rig.press("escape", "f", "escape")
        assert "2 marked" in await rig.shows()
        assert "marked" not in await rig.press("u")

    await play(scene, four())


async def test_more_than_a_dozen_are_not_shown_at_once() -> None:
    names = [f"n{number}" for number in range(15)]

    async def scene(rig: Rig) -> None:
        await rig.press(*["space"] * 15, "s")
        assert len(rig.app.screen.query(TextView)) == 12

    await play(scene, going(*names))


async def test_d_compares_one_with_the_majority_and_two_with_each_other() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("d")
        assert "web1 says what most say, 2 of them" in rig.hints
        shown = await rig.press("down", "down", "d")
        assert "- majority (2 nodes, as web1)   + web10   2 removed, 3 added" in shown
        for line in ("-(ok)", "+(exit 3)", "-old", "+new", "+oops"):
            assert line in shown
        shown = await rig.press("x")
        assert "- web10   + web1 " in shown
        assert "without host" in await rig.press("m")
        await rig.press("escape", "home", "space", "space", "d")
        assert "no difference" in await rig.shows()
        await rig.press("escape", "space", "d")
        assert "mark two nodes, or none" in rig.hints

    await play(scene, four())


async def test_without_a_majority_d_says_so() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("d")
        assert "there is no majority" in rig.hints

    await play(scene, going("a"))


async def test_a_diff_of_running_nodes_is_settled_when_they_have_finished() -> None:
    async def scene(rig: Rig) -> None:
        assert "so far" in await rig.press("space", "space", "d")
        rig.tell(out("b", b"late\n"), finished("a"), finished("b"))
        shown = await rig.shows()
        assert "so far" not in shown
        assert "+late" in shown

    await play(scene, going("a", "b"))


async def test_help_names_every_key() -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.press("question_mark")
        for _, keys in KEYS:
            for key, what in keys:
                assert key in shown
                assert what in shown
        assert "All nodes" not in await rig.press("question_mark")

    await play(scene, four(), height=44)


@pytest.mark.parametrize("key", ["q", "escape", "enter"])
async def test_the_usual_keys_leave_help_and_not_the_run(key: str) -> None:
    async def scene(rig: Rig) -> None:
        assert "All nodes" in await rig.press("question_mark")
        shown = await rig.press(key)
        assert "All nodes" not in shown
        assert "web10" in shown

    await play(scene, four(), height=44)


async def test_help_keeps_its_columns_where_it_wraps() -> None:
    async def scene(rig: Rig) -> None:
        lines = (await rig.press("question_mark")).splitlines()
        where = next(line.index("filter by name") for line in lines if "filter by name" in line)
        after = next(line for line in lines if "out; Esc: all again" in line)
        assert after.index("out; Esc") == where

    await play(scene, four(), width=80)


async def test_help_says_all_on_a_narrow_terminal() -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.press("question_mark")
        words = shown.replace("\u2502", " ").split()
        for _, keys in KEYS:
            for key, what in keys:
                assert key in shown
                assert what in " ".join(words)

    await play(scene, four(), width=40, height=70)


async def test_what_trioexec_says_is_on_a_line_of_the_screen_and_in_the_log() -> None:
    async def scene(rig: Rig) -> None:
        rig.console.say("the disk is \x1b[31mfull")
        shown = await rig.shows()
        assert "the disk is \\x1b[31mfull" in shown
        rig.console.say("again")
        shown = await rig.press("l")
        assert "the disk is" in shown
        assert "again" in shown

    await play(scene, four())


async def test_a_long_search_lets_keys_and_nodes_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "STRETCH_S", 0.0)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async def scene(rig: Rig) -> None:
        await rig.press("enter")
        row = rig.sink.board.rows[0]
        view = rig.app.screen.query_one(TextView)
        before = turns
        assert not await view.find(row.said, "straw")
        # Twice all blocks of 16 KiB: from here to the end, and from the beginning.
        assert turns - before >= 2 * row.said.size_bytes / (2 * BLOCK_BYTES)

    hay = [out("a", b"hay\n" * 40_000) for _ in range(10)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await play(scene, run_of(("a", hay, 0)))
        nursery.cancel_scope.cancel()


async def test_the_output_stands_beside_the_table_where_there_is_room_or_p_says_so() -> None:
    async def scene(rig: Rig) -> None:
        assert "same" not in await rig.shows()
        shown = await rig.press("p")
        assert "same" in shown
        assert "✗ web10   exit 3" in await rig.press("down", "down")
        assert "same" not in await rig.press("p")

    async def wide(rig: Rig) -> None:
        assert "same" in await rig.shows()

    await play(scene, four())
    await play(wide, four(), width=140)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting_a_finished_run_leaves_at_once_and_touches_nothing(key: str) -> None:
    async def scene(rig: Rig) -> None:
        await rig.pilot.press(key)

    rig = await play(scene, four())

    assert rig.presses == 0
    assert rig.app._exit


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting_a_run_that_goes_on_ends_it_first_and_stays_until_it_is_over(
    key: str,
) -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.press(key)
        assert rig.presses == 1
        assert "ending the remote commands" in shown
        assert not rig.app._exit
        await rig.press(key)
        assert rig.presses == 2
        rig.tell(finished("a", 1), ended(130, stopped="interrupt"))
        rig.app.tick()
        assert rig.app._exit

    await play(scene, going("a"))


async def test_q_is_a_letter_in_the_filter_and_ctrl_c_still_quits() -> None:
    async def scene(rig: Rig) -> None:
        await rig.press("slash", "q")
        assert rig.presses == 0
        await rig.press("ctrl+c")
        assert rig.presses == 1

    await play(scene, going("a"))


@pytest.mark.parametrize(
    ("stopped", "stays"), [("terminate", False), ("hangup", False), ("fail-fast", True)]
)
async def test_a_run_that_a_signal_ended_leaves_the_screen_and_others_wait_for_q(
    stopped: StopReason, *, stays: bool
) -> None:
    async def scene(rig: Rig) -> None:
        rig.tell(finished("a", 1), ended(1, stopped=stopped))
        rig.app.tick()
        assert rig.app._exit is not stays

    await play(scene, going("a"))


async def test_what_a_node_says_is_neither_markup_nor_a_command_to_the_terminal() -> None:
    hostile = b"[red]bold[/red] [link=x]\x1b]0;title\x07 \x9b2J\ttab\n"

    async def scene(rig: Rig) -> None:
        shown = await rig.press("enter")
        assert "[red]bold[/red] [link=x]\\x1b]0;title\\x07 \\x9b2J" in shown
        assert "\x1b]0" not in shown
        assert "[red]bold" in await rig.press("escape")

    await play(scene, [*going("a"), out("a", hostile)])


async def test_only_rows_that_can_be_seen_are_drawn_of_five_thousand() -> None:
    names = [f"n{number}" for number in range(5000)]

    async def scene(rig: Rig) -> None:
        table = rig.app.screen.query_one(NodeTable)
        drawn: list[str] = []
        draw = table._row

        def count(row: Row, width: int, *, at_cursor: bool) -> Strip:
            drawn.append(row.name)
            return draw(row, width, at_cursor=at_cursor)

        table._row = count  # type: ignore[method-assign]
        await rig.press("G")
        assert await rig.rows() == names[-len(await rig.rows()) :]
        assert len(set(drawn)) <= 2 * table.size.height
        drawn.clear()
        rig.tell(out("n4999", b"news\n"))
        assert "news" in await rig.shows()
        assert set(drawn) == {"n4999"}

    events: list[Event] = [started(*names), *(NodeQueued(node=name, at_s=0) for name in names)]
    events.append(NodeConnecting(node="n4999", at_s=0))
    await play(scene, events)


async def test_a_narrow_terminal_shows_what_fits() -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.shows()
        assert "web10" in shown
        assert max(map(len, shown.splitlines())) <= 40

    await play(scene, four(), width=40, height=12)


async def test_a_bug_in_the_app_comes_out_as_what_it_is() -> None:
    async def scene(rig: Rig) -> None:
        rig.app.source.board.rows[0].said = None  # type: ignore[assignment]
        await rig.press("enter")

    with pytest.RaisesGroup(TypeError, flatten_subgroups=True):
        await play(scene, four())


async def test_the_loop_that_ssh_uses_as_well_keeps_its_way_to_make_tasks() -> None:
    async def scene(rig: Rig) -> None:
        assert asyncio.get_running_loop().get_task_factory() is None

    await play(scene, four())
