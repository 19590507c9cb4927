from __future__ import annotations

import pytest

from trioexec.model.goodbyes import Goodbyes


def test_a_cut_ends_every_goodbye_that_is_open_and_no_other() -> None:
    goodbyes, cut = Goodbyes(), []

    with goodbyes.track(lambda: cut.append("over")):
        pass
    with goodbyes.track(lambda: cut.append("a")), goodbyes.track(lambda: cut.append("b")):
        goodbyes.cut()

    assert cut == ["a", "b"]


def test_a_goodbye_that_begins_after_the_cut_is_cut_at_once() -> None:
    goodbyes, cut = Goodbyes(), []
    goodbyes.cut()

    with goodbyes.track(lambda: cut.append("late")):
        assert cut == ["late"]


def test_a_goodbye_that_fails_is_forgotten() -> None:
    goodbyes, cut = Goodbyes(), []

    with pytest.raises(ZeroDivisionError), goodbyes.track(lambda: cut.append("a")):
        raise ZeroDivisionError
    goodbyes.cut()

    assert cut == []


def test_a_cut_may_end_other_goodbyes_as_it_goes() -> None:
    goodbyes, cut = Goodbyes(), []
    inner = goodbyes.track(lambda: cut.append("inner"))

    def end_inner() -> None:
        inner.__exit__(None, None, None)

    with goodbyes.track(end_inner):
        inner.__enter__()
        goodbyes.cut()

    assert cut == ["inner"]
