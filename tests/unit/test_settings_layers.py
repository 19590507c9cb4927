from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from trioexec.model.errors import UsageError
from trioexec.settings.layers import Given, Layer, environment, resolve, strays
from trioexec.settings.option import option, options_of
from trioexec.settings.readers import Flag, Number, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    PANEL: ClassVar[str] = "Some"

    parallel: int = option(64, "--parallel", reader=Number(low=0, high=9), help="")
    hosts: tuple[str, ...] = option((), "-H", "--hosts", reader=Text(metavar="X"), help="")
    red: bool = option(False, "--red", reader=Flag(), exclusive="colour", help="")
    blue: bool = option(False, "--blue", reader=Flag(), exclusive="colour", help="")
    secret: bool = option(False, "--secret", reader=Flag(), from_env=False, help="")


OPTIONS = options_of([Some])


def layer(name: str, **texts: str) -> Layer:
    return Layer(
        name=name,
        given={
            field: Given(texts=(text,), where=f"{name}:{field}") for field, text in texts.items()
        },
    )


def test_what_nobody_gave_is_the_default_and_says_so() -> None:
    setting = resolve(OPTIONS, [])["parallel"]

    assert (setting.value, setting.source, setting.where) == (64, "default", "")


def test_a_later_layer_is_stronger_and_the_value_knows_its_source() -> None:
    settings = resolve(OPTIONS, [layer("weak", parallel="1"), layer("strong", parallel="2")])

    assert settings["parallel"].value == 2
    assert settings["parallel"].source == "strong"
    assert settings["parallel"].where == "strong:parallel"


def test_giving_the_default_is_still_giving() -> None:
    settings = resolve(OPTIONS, [layer("weak", parallel="1"), layer("strong", red="no")])

    assert settings["red"].source == "strong"
    assert settings["blue"].source == "default"


def test_a_repeatable_option_is_replaced_whole_by_a_stronger_layer() -> None:
    weak = Layer(name="weak", given={"hosts": Given(texts=("a", "b"), where="w")})

    settings = resolve(OPTIONS, [weak, layer("strong", hosts="c")])

    assert settings["hosts"].value == ("c",)


def test_of_a_single_option_given_twice_the_last_counts() -> None:
    twice = Layer(name="line", given={"parallel": Given(texts=("1", "2"), where="--parallel")})

    assert resolve(OPTIONS, [twice])["parallel"].value == 2


def test_an_error_names_where_the_text_stood() -> None:
    with pytest.raises(UsageError, match=r"^weak:parallel: 'x' is not a number"):
        resolve(OPTIONS, [layer("weak", parallel="x"), layer("strong", parallel="2")])


def test_exclusive_options_of_one_layer_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"^--red and --blue exclude each other"):
        resolve(OPTIONS, [layer("line", red="yes", blue="yes")])


def test_an_exclusive_option_wins_over_its_rival_in_a_weaker_layer() -> None:
    settings = resolve(OPTIONS, [layer("weak", red="yes"), layer("strong", blue="yes")])

    assert (settings["red"].value, settings["blue"].value) == (False, True)


def test_a_flag_taken_back_claims_nothing() -> None:
    settings = resolve(OPTIONS, [layer("weak", red="yes"), layer("strong", blue="no")])

    assert (settings["red"].value, settings["blue"].value) == (True, False)


def test_the_environment_is_a_layer_of_prefixed_names() -> None:
    env = {"TRIOEXEC_PARALLEL": "8", "TRIOEXEC_HOSTS": "a,b\nc", "TRIOEXEC_RED": ""}

    settings = resolve(OPTIONS, [environment(OPTIONS, env)])

    assert settings["parallel"].value == 8
    assert settings["parallel"].source == "environment"
    assert settings["hosts"].value == ("a,b", "c")
    assert settings["red"].source == "default"


def test_what_may_not_come_from_the_environment_does_not() -> None:
    env = {"TRIOEXEC_SECRET": "1"}

    assert resolve(OPTIONS, [environment(OPTIONS, env)])["secret"].value is False
    assert strays(OPTIONS, env) == ["TRIOEXEC_SECRET"]


def test_variables_that_are_no_option_are_strays() -> None:
    assert strays(OPTIONS, {"TRIOEXEC_PARALEL": "8", "TRIOEXEC_RED": "1", "HOME": "/"}) == [
        "TRIOEXEC_PARALEL"
    ]


def test_names_are_derived_from_the_long_flag() -> None:
    by_field = {option.field: option for option in OPTIONS}

    assert by_field["hosts"].env == "TRIOEXEC_HOSTS"
    assert by_field["hosts"].long == "--hosts"
    assert by_field["hosts"].negative == ""
    assert by_field["red"].negative == "--no-red"
