"""The task that owns the signals of a run: it feeds `model.interrupt` and does what that decides.

The only module that touches the signals of a run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import trio

from trioexec.engine.run import Run
from trioexec.model.interrupt import Interrupt, Manners, Stage, status_line, text_for
from trioexec.model.outcomes import StopReason

__all__ = ["make_quit", "obey_signals"]

_REASONS: dict[int, StopReason] = {
    signal.SIGINT: "interrupt",
    signal.SIGTERM: "terminate",
    signal.SIGHUP: "hangup",
}


async def obey_signals(
    run: Run,
    *,
    batch: bool,
    say: Callable[[str], None],
    fold: Callable[[list[str]], str],
    cut_readers: Callable[[], None],
    manners: Manners | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Obey SIGINT, SIGTERM and SIGHUP until cancelled.

    Use with ``nursery.start`` before the run, so that no press is lost.

    Args:
        run: What is told to stop.
        batch: Whether one Ctrl-C is enough.
        say: Shows one line to the user; must not block.
        fold: Makes one short text of node names.
        cut_readers: Ends readers that nobody waits for any more; called when a press
            cuts the goodbyes short.
        manners: What to say instead of our own texts.
        task_status: Told when the signals are ours.
    """
    state = Interrupt(batch=batch)
    # What was ignored when we were started stays so: nohup, and a shell's background jobs.
    wanted = [*_REASONS, *([signal.SIGTSTP] if manners and manners.cancels_queued else [])]
    ours = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
    if not ours:  # trio has no receiver of nothing
        task_status.started()
        await trio.sleep_forever()
    with trio.open_signal_receiver(*ours) as received:
        task_status.started()
        async for number in received:
            if number == signal.SIGTSTP and manners is not None:
                _stop_or_cancel_queued(run, state, manners, say)
                continue
            if number == signal.SIGINT:
                state = state.press(trio.current_time())
                for line in _lines(state, run, manners, fold):
                    say(line)
            else:
                state = state.terminate()
            if state.stage is Stage.WARNED:
                continue
            _obey(run, state, _REASONS[number], cut_readers)


def make_quit(run: Run, cut_readers: Callable[[], None]) -> Callable[[], None]:
    """Make what a screen with keys of its own calls to quit: one press ends all, another cuts."""
    state = Interrupt(batch=True)

    def quit_now() -> None:
        nonlocal state
        state = state.press(trio.current_time())
        _obey(run, state, "interrupt", cut_readers)

    return quit_now


def _obey(run: Run, state: Interrupt, why: StopReason, cut_readers: Callable[[], None]) -> None:
    run.cancel(why)
    if run.over or state.stage is Stage.CUTTING:
        run.goodbyes.cut()
        cut_readers()


def _lines(
    state: Interrupt, run: Run, manners: Manners | None, fold: Callable[[list[str]], str]
) -> list[str]:
    """Say what a press has led to."""
    if manners is not None:
        return manners.on_press(state, run.tally)
    text, tally = text_for(state), run.tally
    lines = [text] if text else []
    if state.stage is Stage.WARNED:
        running, queued = len(tally.running), len(tally.queued)
        lines.append(status_line(running=running, completed=tally.completed, queued=queued))
        if running:
            lines.append(f"Running: {fold(list(tally.running))}")
    return lines


def _stop_or_cancel_queued(
    run: Run, state: Interrupt, manners: Manners, say: Callable[[str], None]
) -> None:
    """Obey a Ctrl-Z: soon after a Ctrl-C it cancels who waits, else it is what it always is."""
    if state.is_fresh(trio.current_time()):
        say(manners.on_cancel_queued(run.cancel_queued()))
    else:
        os.kill(os.getpid(), signal.SIGSTOP)
