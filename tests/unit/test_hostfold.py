from __future__ import annotations

import random
import re
import time

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trioexec.model import hostfold
from trioexec.model.hostlist import expand, fold

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no failure."""


@pytest.mark.parametrize(
    ("names", "text"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("web", "web", id="no number"),
        pytest.param("web3 web1 web2 web7", "web[1-3,7]", id="one number"),
        pytest.param("web1 web1", "web1", id="duplicates once"),
        pytest.param("a1 a01 a2 a02 a9 a10 a09", "a[1-2,9,01-02,09-10]", id="padding apart"),
        pytest.param("a09 a10 a99 a100 a099", "a[09-10,99,099-100]", id="padded runs"),
        pytest.param("b a a1 a1b", "a,a1,a1b,b", id="several shapes"),
        pytest.param("r1-n1 r1-n2 r2-n1 r2-n2", "r[1-2]-n[1-2]", id="product"),
        pytest.param("r1-n1 r1-n2 r2-n1", "r1-n[1-2],r2-n1", id="not quite a product"),
        pytest.param("ann@w1:22 ann@w2:22", "ann@w[1-2]:22", id="user and port"),
        pytest.param("w:22 w:23 w:24", "w:[22-24]", id="ports"),
        pytest.param("[::1]:22 [::2]:22", "[::1]:22,[::2]:22", id="IPv6 stays as it is"),
        pytest.param("fe80::1 fe81::1", "fe80::1,fe81::1", id="bare IPv6 stays as it is"),
        pytest.param("a%s1 a%s2 %d", "%d,a%s[1-2]", id="percent signs"),
        pytest.param("a[1 a]2 a,3 ^4 @5 -6", "-6,@5,^4,a,3,a[1,a]2", id="odd names"),
        pytest.param("a\x1b[0m1", r"a\x1b[0m1", id="escapes do not reach the terminal"),
        pytest.param("a1٣b1 a2٣b2 a1٣b2", "a1٣b[1-2],a2٣b2", id="digits of another script"),
        pytest.param(f"a{'1' * 5000}", f"a{'1' * 5000}", id="endless number"),
    ],
)
def test_names_fold_to(names: str, text: str) -> None:
    assert fold(names.split(" ") if names else []) == text


def test_fold_does_not_depend_on_the_order() -> None:
    names = [f"r{n % 7}-n{n % 11}-x{n % 5}" for n in range(150)] + ["b", "a", "a1", "a01"]
    shuffled = random.Random(1).sample(names, len(names))  # noqa: S311

    assert fold(names) == fold(shuffled)


@pytest.mark.parametrize("few", [pytest.param(200, id="few"), pytest.param(0, id="many")])
@PATIENT
@given(data=st.data())
def test_what_fold_writes_expand_reads(few: int, data: st.DataObject) -> None:
    number = st.one_of(st.integers(0, 12).map(str), st.sampled_from(["01", "02", "010", "00"]))
    name = st.builds(
        "{}{}-{}{}".format, st.sampled_from("ab"), number, st.sampled_from("xy"), number
    )
    user = st.sampled_from(["", "u1@", "u2@"])
    port = st.sampled_from(["", ":22", ":23"])
    names = data.draw(
        st.sets(st.builds("{}{}{}".format, user, name, port), min_size=1, max_size=40)
    )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostfold, "FEW", few)
        text = fold(names)

    assert {node.name for node in expand([text], sources=None)} == names


@PATIENT
@given(st.sets(st.text("ab12%*?+=~/.٣²é", min_size=1, max_size=8), min_size=1))
def test_odd_characters_come_back_as_they_were(names: set[str]) -> None:
    text = fold(names)

    if not re.search(r"[*?]", text):  # globs are refused where nodes are named
        assert {node.name for node in expand([text], sources=None)} == names
    else:
        assert set(_by_clustershell(text)) == names or not text.isascii()


def _by_clustershell(text: str) -> list[str]:
    return list(NodeSet(text, resolver=RESOLVER_NOGROUP))


@PATIENT
@given(st.lists(st.text(max_size=12), max_size=8))
def test_fold_never_fails(names: list[str]) -> None:
    text = fold(names)

    assert text.isprintable()


def test_many_names_of_several_numbers_fold_into_few_boxes() -> None:
    names = [f"r{r}-n{n}" for r in range(1, 41) for n in range(1, 26) if r != 7 or n != 9]

    assert fold(names) == "r[1-6,8-40]-n[1-25],r7-n[1-8,10-25]"


def test_folding_is_not_quadratic() -> None:
    draw = random.Random(4)  # noqa: S311

    def took_s(size: int) -> float:
        names = [
            f"10.{draw.randint(0, 3)}.{draw.randint(0, 255)}.{draw.randint(0, 255)}"
            for _ in range(size)
        ]
        best_s = float("inf")
        for _ in range(3):
            started_s = time.process_time()
            fold(names)
            best_s = min(best_s, time.process_time() - started_s)
        return best_s

    assert took_s(16_000) < 8 * took_s(4_000)  # quadratic would be 16 times
