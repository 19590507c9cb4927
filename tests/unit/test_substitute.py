from __future__ import annotations

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.nodes import parse_node
from trioexec.model.substitute import KNOWN, SubstituteError, check_template, substitute, words_of

WORDS = words_of(node=parse_node("web1:2200", rank=3), host="10.0.0.1", user="me", port=2200)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param("echo %h", "echo 10.0.0.1", id="host"),
        pytest.param("%u@%n, %p, %r", "me@web1:2200, 2200, 3", id="all others"),
        pytest.param("date +%%s", "date +%s", id="percent"),
        pytest.param("%%h", "%h", id="no word after a percent sign"),
        pytest.param("%%%h", "%10.0.0.1", id="a word after one"),
    ],
)
def test_words_are_put_in(template: str, text: str) -> None:
    check_template(template)

    assert substitute(template, WORDS) == text


def test_every_word_that_is_promised_is_there() -> None:
    assert WORDS.keys() == KNOWN.keys()


@pytest.mark.parametrize("template", ["date +%s", "100%", "%", "%\n", "%H"])
def test_an_unknown_word_is_refused_and_the_known_ones_are_named(template: str) -> None:
    with pytest.raises(UsageError, match="There are %h, %u, %p, %n, %r, and %%"):
        check_template(template)


@pytest.mark.parametrize(
    "bad", ["$(reboot)", "a b", "a;b", "'", '"', "`x`", "-rf", "", "a\nb", "a\\b"]
)
def test_a_word_that_a_shell_could_take_for_more_is_refused(bad: str) -> None:
    with pytest.raises(SubstituteError, match="more than a word"):
        substitute("echo %u", {**WORDS, "u": bad})


def test_a_bad_word_that_is_not_used_does_no_harm() -> None:
    assert substitute("echo %h", {**WORDS, "u": "$(reboot)"}) == "echo 10.0.0.1"
