from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import Rig
from trioexec.engine.checks import ChecksJob
from trioexec.model.checks import ANSWER_BYTES, Answer, Check, Finding, judge
from trioexec.model.command import Limits
from trioexec.model.outcomes import Cancelled, Exited, Killed, TimedOut, Unreachable
from trioexec.testing.fakes import FakeNode


def ok(stdout: bytes = b"", code: int = 0) -> Answer:
    return Answer(outcome=Exited(code=code), stdout=stdout)


@pytest.mark.parametrize(
    ("check", "answer", "verdict", "says"),
    [
        pytest.param({}, ok(), "ok", "", id="exit 0"),
        pytest.param({}, ok(code=3), "failed", "exit 3, not 0", id="exit 3"),
        pytest.param({"exit_code": 3}, ok(code=3), "ok", "", id="exit 3 is wanted"),
        pytest.param({"output": "yes"}, ok(b"yes\n"), "ok", "", id="equal"),
        pytest.param({"output": "yes"}, ok(b"no\nx\n"), "failed", "'no' and more", id="not equal"),
        pytest.param(
            {},
            Answer(outcome=Exited(code=1), stderr=b"usage\nno such unit\n"),
            "failed",
            "exit 1, not 0: no such unit",
            id="what it said of it",
        ),
        pytest.param({"matches": "^b$"}, ok(b"a\nb\n"), "ok", "", id="matches a line"),
        pytest.param({"matches": "^c$"}, ok(b"a\n"), "failed", "which has no ^c$", id="no match"),
        pytest.param({}, Answer(outcome=Killed(signal=9)), "error", "SIGKILL", id="killed"),
        pytest.param(
            {}, Answer(outcome=Unreachable(reason="gone")), "error", "gone", id="unreachable"
        ),
        pytest.param(
            {},
            Answer(outcome=Cancelled(why="interrupt", started=False)),
            "skipped",
            "not started",
            id="never asked",
        ),
        pytest.param({"output": "x"}, ok(b"\xff" * 99), "failed", "...'", id="long and binary"),
    ],
)
def test_an_answer_is_judged(
    check: dict[str, object], answer: Answer, verdict: str, says: str
) -> None:
    (finding,) = judge(
        Check(name="c", command="x", **check),  # type: ignore[arg-type]
        {"n": answer},
    ).values()

    assert finding.verdict == verdict
    assert says in finding.message


def test_outliers_fail_where_all_have_to_be_the_same() -> None:
    check = Check(name="c", command="x", same_on_all_nodes=True)

    findings = judge(check, {"a": ok(b"1\n"), "b": ok(b"2\n"), "c": ok(b"1\n"), "d": ok(code=1)})
    same = judge(check, {"a": ok(b"1\n"), "b": ok(b"1\n")})

    assert [finding.verdict for finding in findings.values()] == ["ok", "failed", "ok", "failed"]
    assert findings["b"].message == "answered '2'; 2 nodes answered '1'"
    assert set(same.values()) == {Finding(verdict="ok")}


async def test_every_check_is_asked_on_every_node_in_order(autojump_clock: MockClock) -> None:
    fakes = {
        "a": FakeNode(takes_s=1, output=((0.0, "stdout", b"out"), (0.0, "stderr", b"err"))),
        "b": FakeNode(takes_s=1, code=3),
    }
    job = ChecksJob([Check(name="one", command="1"), Check(name="two", command="2")])
    rig = Rig(fakes, job=job)

    report = await rig.run.execute()

    assert report["a"].ok
    assert report["b"].outcome == Exited(code=1)
    assert [command.text for command in fakes["a"].commands] == ["1", "2"]
    assert job.answers["one"]["a"] == Answer(
        outcome=Exited(code=0),
        stdout=b"out",
        stderr=b"err",
        stdout_bytes=3,
        stderr_bytes=3,
        took_s=1.0,
        finding=Finding(verdict="ok"),
    )
    assert job.answers["two"]["b"].outcome == Exited(code=3)
    assert trio.current_time() == report.took_s


async def test_a_check_has_a_limit_of_its_own(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode(takes_s=100)}
    job = ChecksJob([Check(name="slow", command="x", timeout_s=5)])

    report = await Rig(fakes, job=job).run.execute()

    assert report["a"].outcome == Exited(code=1)
    assert job.answers["slow"]["a"].outcome == TimedOut(phase="command", remote="ended")


async def test_a_node_that_is_not_there_is_asked_no_more(autojump_clock: MockClock) -> None:
    job = ChecksJob([Check(name="one", command="1"), Check(name="two", command="2")])

    report = await Rig({}, job=job, extra_nodes=("gone",)).run.execute()

    assert isinstance(report["gone"].outcome, Unreachable)
    assert job.answers == {"one": {}, "two": {}}


async def test_a_stop_in_mid_check_keeps_what_was_answered(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode(takes_s=4)}
    job = ChecksJob([Check(name="one", command="1"), Check(name="two", command="2")])

    report = await Rig(fakes, job=job, limits=Limits(deadline_s=6)).run.execute()

    assert report["a"].outcome == TimedOut(phase="deadline", remote="ended")
    assert job.answers["one"]["a"].outcome == Exited(code=0)
    assert isinstance(job.answers["two"]["a"].outcome, Cancelled)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_where_as_many_say_one_thing_as_another_the_first_node_is_right(
    order: tuple[str, str],
) -> None:
    check = Check(name="c", command="x", same_on_all_nodes=True)
    said = {"a": ok(b"1\n"), "b": ok(b"2\n")}

    findings = judge(check, {name: said[name] for name in order})

    first, second = order
    assert findings[first].verdict == "ok"
    assert findings[second].verdict == "failed"
    assert "; 1 node answered" in findings[second].message


async def test_of_an_endless_answer_the_beginning_is_kept_and_all_of_it_compared(
    autojump_clock: MockClock,
) -> None:
    parts = [(0.0, "stdout", b"x" * ANSWER_BYTES), (0.0, "stdout", b"x" * ANSWER_BYTES)]
    fakes = {
        "a": FakeNode(output=(*parts, (0.0, "stdout", b"1"))),  # type: ignore[arg-type]
        "b": FakeNode(output=(*parts, (0.0, "stdout", b"1"))),  # type: ignore[arg-type]
        "c": FakeNode(output=(*parts, (0.0, "stdout", b"2"))),  # type: ignore[arg-type]
    }
    checks = [
        Check(name="same", command="x", same_on_all_nodes=True),
        Check(name="found", command="x", matches="1$"),
    ]
    job = ChecksJob(checks, keep_bytes=100)

    await Rig(fakes, job=job).run.execute()

    answer = job.answers["same"]["a"]
    assert (len(answer.stdout), answer.stdout_bytes) == (100, 2 * ANSWER_BYTES + 1)
    assert [one.verdict for one in judge(checks[0], job.answers["same"]).values()] == [
        "ok",
        "ok",
        "failed",
    ]
    assert answer.digest != job.answers["same"]["c"].digest
    found = job.answers["found"]["a"].finding
    assert found is not None
    assert found.message.endswith("(2,097,153 bytes), which has no 1$ in its first 1,048,576 bytes")


async def test_a_run_that_fails_fast_asks_nobody_more_after_a_wrong_answer(
    autojump_clock: MockClock,
) -> None:
    fakes = {"a": FakeNode(takes_s=1, code=3), "b": FakeNode(takes_s=5)}
    job = ChecksJob([Check(name="one", command="1"), Check(name="two", command="2")], stops=True)

    await Rig(fakes, job=job, limits=Limits(fail_fast=True)).run.execute()

    assert [command.text for command in fakes["a"].commands] == ["1"]
    assert isinstance(job.answers["one"]["b"].outcome, Cancelled)
    assert job.answers["two"] == {}


async def test_a_command_that_is_killed_is_no_reason_not_to_ask_more(
    autojump_clock: MockClock,
) -> None:
    fakes = {"a": FakeNode(takes_s=1, signal=9)}
    job = ChecksJob([Check(name="one", command="1"), Check(name="two", command="2")])

    await Rig(fakes, job=job).run.execute()

    assert job.answers["two"]["a"].outcome == Killed(signal=9)


async def test_limits_and_variables_of_the_call_hold_where_the_file_says_nothing(
    autojump_clock: MockClock,
) -> None:
    fakes = {"a": FakeNode(takes_s=100)}
    checks = [Check(name="own", command="x", timeout_s=5), Check(name="none", command="x")]
    job = ChecksJob(checks, timeout_s=7, env={"A": "1"})

    await Rig(fakes, job=job).run.execute()

    assert [job.answers[name]["a"].took_s for name in ("own", "none")] == [5, 7]
    assert [command.env for command in fakes["a"].commands] == [{"A": "1"}] * 2


async def test_a_connection_that_is_lost_between_checks_has_the_limit_of_a_new_one(
    autojump_clock: MockClock,
) -> None:
    fakes = {"a": FakeNode(connect_s=3, takes_s=1)}
    checks = [Check(name="one", command="1"), Check(name="two", command="2", timeout_s=100)]
    job = ChecksJob(checks, connect_timeout_s=2)

    report = await Rig(fakes, job=job).run.execute()

    assert report["a"].outcome == Unreachable(reason="no connection any more")
    assert job.answers["one"]["a"].outcome == Exited(code=0)
    assert job.answers["two"] == {}
    assert trio.current_time() == 3 + 1 + 2
