from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given

from tests.unit.test_event_codec import EVENTS as ANY_EVENT
from trioexec.model import event_schema as module
from trioexec.model.event_codec import EVENTS, to_json
from trioexec.model.event_schema import event_schema
from trioexec.model.events import Event

GOLDEN = Path(__file__).parent / "golden"
PAGE_PATH = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
PAGE = PAGE_PATH.read_text()
SCHEMA = event_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
RECIPES = re.findall(
    r"^```sh\ntrioexec [^|]*\| (jq .*?)\n```\n\n```text\n(.*?)```$", PAGE, re.DOTALL | re.MULTILINE
)


@given(ANY_EVENT)
def test_every_event_is_valid(event: Event) -> None:
    VALIDATOR.validate(json.loads(to_json(event)))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('{"v":2,"event":"node_queued","node":"a","at_s":0}', id="version"),
        pytest.param('{"v":1,"event":"node_queued","at_s":0}', id="no node"),
        pytest.param(
            '{"v":1,"event":"node_output","node":"a","at_s":0,"stream":"stdout"}', id="no data"
        ),
        pytest.param(
            '{"v":1,"event":"node_finished","node":"a","at_s":0,"outcome":{"kind":"lost"}}',
            id="unknown outcome",
        ),
    ],
)
def test_what_is_no_event_is_not_valid(line: str) -> None:
    assert not VALIDATOR.is_valid(json.loads(line))


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert list(SCHEMA["$defs"])[: len(EVENTS)] == list(EVENTS)


def test_a_field_that_has_no_schema_is_an_error() -> None:
    with pytest.raises(TypeError, match="set"):
        module._value(set)


def test_the_page_shows_the_schema_and_every_event() -> None:
    schema = PAGE.split("## Schema")[1].split("```json\n")[1].split("\n```")[0]
    text = json.dumps(SCHEMA, indent=2)
    if os.environ.get("TRIOEXEC_GOLDEN") == "write":
        PAGE_PATH.write_text(PAGE.replace(schema, text))

    assert schema == text
    for name in EVENTS:
        assert f"| `{name}` |" in PAGE


def test_every_recipe_is_found() -> None:
    assert len(RECIPES) == PAGE.count("```sh") == 7


@pytest.mark.parametrize(("recipe", "prints"), RECIPES)
def test_a_recipe_prints_what_the_page_says(recipe: str, prints: str) -> None:
    if shutil.which("jq") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install jq: the recipes may not be skipped")
        pytest.skip("no jq on this machine")

    with (GOLDEN / "json.stdout").open("rb") as run:
        done = subprocess.run(
            ["sh", "-c", recipe], stdin=run, capture_output=True, text=True, check=True
        )

    assert done.stdout == prints
    assert done.stderr == ""
