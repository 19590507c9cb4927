from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.flow import Flow


class Channel:
    def __init__(self, on_resume: Callable[[], None] = lambda: None) -> None:
        self.paused = False
        self.history: list[str] = []
        self._on_resume = on_resume

    def pause_reading(self) -> None:
        self.paused = True
        self.history.append("pause")

    def resume_reading(self) -> None:
        self.paused = False
        self.history.append("resume")
        self._on_resume()


def test_channels_are_paused_while_anyone_holds() -> None:
    flow, channel = Flow(), Channel()
    flow.attach(channel)

    flow.hold("a")
    flow.hold("b")
    flow.release("a")

    assert channel.paused
    assert flow.held
    flow.release("b")
    assert not channel.paused
    assert channel.history == ["pause", "resume"]


def test_holding_twice_is_released_once() -> None:
    flow, channel = Flow(), Channel()
    flow.attach(channel)

    flow.hold("a")
    flow.hold("a")
    flow.release("a")
    flow.release("a")

    assert channel.history == ["pause", "resume"]


def test_a_channel_that_comes_while_someone_holds_is_paused() -> None:
    flow, channel = Flow(), Channel()
    flow.hold("a")

    flow.attach(channel)

    assert channel.paused


def test_a_channel_that_has_left_is_left_alone() -> None:
    flow, channel = Flow(), Channel()
    flow.attach(channel)

    flow.detach(channel)
    flow.detach(channel)
    flow.hold("a")

    assert channel.history == []


def test_a_reader_that_fills_again_pauses_the_channels_still_to_come() -> None:
    flow = Flow()
    first, second = Channel(lambda: flow.hold("a")), Channel()
    flow.attach(first)
    flow.attach(second)
    flow.hold("a")

    flow.release("a")

    assert flow.held
    assert first.paused
    assert second.paused


@given(
    st.lists(
        st.tuples(st.sampled_from(["hold", "release", "attach", "detach"]), st.integers(0, 2)),
        max_size=30,
    )
)
def test_no_attached_channel_reads_while_anyone_holds(steps: list[tuple[str, int]]) -> None:
    flow, channels = Flow(), [Channel() for _ in range(3)]
    holders: set[int] = set()
    attached: set[int] = set()

    for what, which in steps:
        match what:
            case "hold":
                flow.hold(which)
                holders.add(which)
            case "release":
                flow.release(which)
                holders.discard(which)
            case "attach":
                flow.attach(channels[which])
                attached.add(which)
            case "detach":
                flow.detach(channels[which])
                attached.discard(which)
        assert flow.held == bool(holders)
        if holders:
            assert all(channels[index].paused for index in attached)


def test_every_channel_gets_its_turn_before_one_gets_a_second() -> None:
    """However little the reader takes between two stops."""
    flow, turns = Flow(), list[str]()

    def fill(name: str) -> None:
        turns.append(name)
        flow.hold("reader")

    for name in "abcd":
        flow.attach(Channel(lambda name=name: fill(name)))  # type: ignore[misc]
    flow.hold("reader")

    for _ in range(8):
        flow.release("reader")

    assert "".join(turns) == "abcdabcd"


def test_a_channel_that_ends_as_it_is_resumed_is_not_taken_back() -> None:
    flow = Flow()
    second = Channel()
    first = Channel(lambda: flow.detach(second))
    flow.attach(first)
    flow.attach(second)
    flow.hold("reader")

    flow.release("reader")
    flow.hold("reader")

    assert second.history == ["pause"]
