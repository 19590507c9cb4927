from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from trioexec.model.script import script_command

WORDS = ["a b", "-x", "$HOME", ""]


@pytest.mark.parametrize(
    ("first_line", "arguments", "command"),
    [
        pytest.param(b"echo hi", [], "/bin/sh -s", id="no interpreter named"),
        pytest.param(b"#!", [], "/bin/sh -s", id="an empty one"),
        pytest.param(b"#!/bin/bash", ["x"], "/bin/bash -s -- x", id="bash"),
        pytest.param(b"#! /bin/bash -eu", [], "/bin/bash -eu -s", id="with an option"),
        pytest.param(b"#!/usr/bin/python3", ["-v"], "/usr/bin/python3 - -v", id="python"),
        pytest.param(b"#!/usr/bin/env python3", [], "/usr/bin/env python3 -", id="env"),
        pytest.param(b"#!/usr/bin/env bash", ["x"], "/usr/bin/env bash -s -- x", id="env bash"),
        pytest.param(
            b"#!/usr/bin/env -S A=1 bash -e",
            [],
            "/usr/bin/env '-S A=1 bash -e' -s",
            id="env with a line of its own",
        ),
        pytest.param(b"#!/bin/sh\r\n", [], "/bin/sh -s", id="a line of Windows"),
    ],
)
def test_a_script_is_given_to_the_interpreter_it_names(
    first_line: bytes, arguments: list[str], command: str
) -> None:
    assert script_command(first_line, arguments) == f"exec {command}"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(b'printf "<%s>" "$@"', id="none"),
        pytest.param(b'#!/bin/sh\nprintf "<%s>" "$@"', id="sh"),
        pytest.param(b'#!/bin/bash -e\nprintf "<%s>" "$@"', id="bash"),
        pytest.param(b'#!/bin/dash\nprintf "<%s>" "$@"', id="dash"),
        pytest.param(b'#!/usr/bin/env bash\nprintf "<%s>" "$@"', id="env"),
        pytest.param(
            b'#!/usr/bin/env python3\nimport sys\nprint(*(f"<{a}>" for a in sys.argv[1:]), sep="", end="")',
            id="python",
        ),
        pytest.param(b'#!/usr/bin/perl\nprint "<$_>" for @ARGV', id="perl"),
        pytest.param(b'#!/bin/ksh\nprintf "<%s>" "$@"', id="ksh"),
        pytest.param(b'#!/bin/zsh\nprintf "<%s>" "$@"', id="zsh"),
    ],
)
def test_the_interpreter_runs_it_with_its_arguments_as_they_were(script: bytes) -> None:
    command = script_command(script, WORDS)
    program = shlex.split(command)[1]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")

    done = subprocess.run(["/bin/sh", "-c", command], input=script, capture_output=True, check=True)

    assert done.stdout.decode() == "".join(f"<{word}>" for word in WORDS)
