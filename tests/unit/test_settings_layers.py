from __future__ import annotations

from typing import Any

import pytest

from trioexec.cli.app import make_app, settle
from trioexec.cli.reading import read
from trioexec.cli.registry import load
from trioexec.model.errors import UsageError
from trioexec.settings.layers import Given, Layer, Setting, environment, strays

VARIABLES = {
    "parallel": "TRIOEXEC_PARALLEL",
    "hosts": "TRIOEXEC_HOSTS",
    "stream": "TRIOEXEC_STREAM",
}


def layer(name: str, **texts: str) -> Layer:
    return Layer(
        name=name,
        given={
            field: Given(texts=(text,), where=f"{name}:{field}") for field, text in texts.items()
        },
    )


def settings_of(*layers: Layer, argv: list[str] | None = None) -> dict[str, Setting]:
    return settle(make_app(whole=False)["run"], argv or [], layers)


def test_what_nobody_gave_is_the_default_and_says_so() -> None:
    setting = settings_of()["parallel"]

    assert (setting.value, setting.source, setting.where) == (64, "default", "")


def test_a_later_layer_is_stronger_and_the_value_knows_its_source() -> None:
    settings = settings_of(layer("weak", parallel="1"), layer("strong", parallel="2"))

    assert settings["parallel"].value == 2
    assert settings["parallel"].source == "strong"
    assert settings["parallel"].where == "strong:parallel"


def test_the_command_line_is_the_strongest() -> None:
    settings = settings_of(layer("weak", parallel="1"), argv=["--parallel=3"])

    assert settings["parallel"] == Setting(value=3, source="command line", where="--parallel")


def test_giving_the_default_is_still_giving() -> None:
    settings = settings_of(layer("weak", parallel="1"), layer("strong", stream="no"))

    assert settings["stream"].source == "strong"
    assert settings["json"].source == "default"


def test_a_repeatable_option_is_replaced_whole_by_a_stronger_layer() -> None:
    weak = Layer(name="weak", given={"hosts": Given(texts=("a", "b"), where="w")})

    assert settings_of(weak)["hosts"].value == ("a", "b")
    assert settings_of(weak, layer("strong", hosts="c"))["hosts"].value == ("c",)


def test_of_a_single_option_given_twice_the_last_counts() -> None:
    twice = Layer(name="file", given={"parallel": Given(texts=("1", "2"), where="parallel")})

    assert settings_of(twice)["parallel"].value == 2
    assert settings_of(argv=["--parallel=1", "--parallel=2"])["parallel"].value == 2
    assert settings_of(argv=["--fail-fast", "--no-fail-fast"])["fail_fast"].value is False


@pytest.mark.parametrize("strong", [{}, {"parallel": "2"}])
def test_an_error_names_where_the_text_stood(strong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^weak:parallel: parallel: 'x' is not a number"):
        settings_of(layer("weak", parallel="x"), layer("strong", **strong))


def test_exclusive_options_of_one_layer_are_refused_by_name() -> None:
    with pytest.raises(
        UsageError, match=r"^--stream \(file:stream\) and --json \(file:json\) exclude each other"
    ):
        settings_of(layer("file", stream="yes", json="yes"))


def test_an_exclusive_option_wins_over_its_rival_in_a_weaker_layer() -> None:
    settings = settings_of(layer("weak", stream="yes"), layer("strong", json="yes"))

    assert (settings["stream"].value, settings["json"].value) == (False, True)


def test_a_flag_taken_back_claims_nothing() -> None:
    settings = settings_of(layer("weak", stream="yes"), layer("strong", json="no"))

    assert (settings["stream"].value, settings["json"].value) == (True, False)


def test_the_environment_is_a_layer_of_prefixed_names() -> None:
    env = {"TRIOEXEC_PARALLEL": "8", "TRIOEXEC_HOSTS": "a,b\nc", "TRIOEXEC_STREAM": ""}

    given = environment(VARIABLES, {"hosts"}, env).given

    assert given["parallel"] == Given(texts=("8",), where="TRIOEXEC_PARALLEL")
    assert given["hosts"].texts == ("a,b", "c")
    assert "stream" not in given


def test_options_are_named_after_their_long_flag_in_the_environment() -> None:
    env = {"TRIOEXEC_HOSTS": "a,b\nc", "TRIOEXEC_ANY_FAILURE": "yes"}

    settings = read(load("run"), [], env).settings

    assert settings["hosts"] == Setting(
        value=("a,b", "c"), source="environment", where="TRIOEXEC_HOSTS"
    )
    assert settings["any_failure"].value is True


@pytest.mark.parametrize("name", ["PASSWORD", "SUDO_PASSWORD", "HELP", "VERSION"])
def test_what_may_not_come_from_the_environment_does_not(name: str) -> None:
    settings = read(load("run"), [], {f"TRIOEXEC_{name}": "1"}).settings

    assert settings[name.lower()].value is False


def test_what_is_neither_yes_nor_no_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match="TRIOEXEC_BATCH: 'maybe' is neither true nor false"):
        read(load("run"), [], {"TRIOEXEC_BATCH": "maybe"})


def test_variables_that_are_no_option_are_strays() -> None:
    env = {"TRIOEXEC_PARALEL": "8", "TRIOEXEC_PARALLEL": "1", "HOME": "/"}

    assert strays(VARIABLES.values(), env) == ["TRIOEXEC_PARALEL"]
