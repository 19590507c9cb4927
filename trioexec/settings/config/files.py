"""Which config files there are, and reading them; where there is none this costs a few looks.

The user's is ``trioexec/config.toml`` in the XDG folder, or the one that ``--config``
names.  The project's is ``trioexec.toml``, or ``[tool.trioexec]`` of ``pyproject.toml``, in
the nearest folder from here upwards that has one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from trioexec.model.errors import ConfigError, why
from trioexec.settings.config.config import Config, Source

if TYPE_CHECKING:
    from trioexec.settings.config.values import Kind

__all__ = ["NO_FILE", "load_config", "user_file"]

NO_FILE: Final = "none"
"""As ``--config``: no file at all."""

PROJECT: Final = "trioexec.toml"
PYPROJECT: Final = "pyproject.toml"
_OURS: Final = ("tool", "trioexec")
_REMEDY: Final = "Mend the line; `trioexec config check` says whether all is well."
_OUR_KEY: Final = r"trioexec[\"']?[ \t]*[].=]"
"""Without a match there is no such key; many a file names us among other packages."""

_OUR_TABLE: Final = r"\[\s*tool\s*\.\s*[\"']?trioexec"


def user_file(env: Mapping[str, str]) -> str:
    """Say where the user's file is, whether there is one or not."""
    folder = env.get("XDG_CONFIG_HOME", "")
    if not folder.startswith("/"):
        home = env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - never raises
        folder = f"{home}/.config"
    return f"{folder}/trioexec/config.toml"


def load_config(
    known: Callable[[], Mapping[str, Kind]], env: Mapping[str, str], *, folder: str, file: str = ""
) -> Config:
    """Read the files that count.

    Args:
        known: Lists the options that a file may set, by field; asked where there is a file.
        env: For ``${VAR}``, and where the user's file is.
        folder: Where we are; empty where that is gone.
        file: The one file to read instead, as ``--config`` names it.

    Raises:
        ConfigError: A file cannot be read, or something in it makes no sense.
    """
    if file == NO_FILE:
        return Config()
    if file:
        return Config(sources=(_read("user file", file, known(), env),))
    sources = []
    own = user_file(env)
    if os.path.exists(own):  # noqa: PTH110 - pathlib costs as much as all the rest
        sources.append(_read("user file", own, known(), env))
    project = folder and _find(folder)
    if project:
        sources.append(_read("project file", project, known(), env, project_of=folder))
    return Config(sources=tuple(sources))


def _find(folder: str) -> str:
    """Find the project's file."""
    while True:
        ours, shared = f"{folder}/{PROJECT}", f"{folder}/{PYPROJECT}"
        has_ours = _is_file(ours)
        has_shared = _is_file(shared) and _mentions_us(shared)
        if has_ours and has_shared:
            raise ConfigError(
                f"{ours}: {PYPROJECT} beside it has [tool.trioexec] as well.\n"
                "Put everything into one of them."
            )
        if has_ours or has_shared:
            return ours if has_ours else shared
        above = folder.rpartition("/")[0]
        if not folder or above == folder:
            return ""
        folder = above


def _is_file(path: str) -> bool:
    """Whether there is one; what would never end, as a pipe, is refused.

    Raises:
        ConfigError: It is something else.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:
        return False
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"{path}: it is in the way of this folder, and no file.\n"
            "Move it, or read none of it: --config none."
        )
    return True


def _mentions_us(path: str) -> bool:
    """Whether a pyproject.toml has our table; what cannot be read has none, as for its owner."""
    text = _text(path)
    if "trioexec" not in text or re.search(_OUR_KEY, text) is None:
        return False
    from trioexec.settings.config.lines import read_toml  # noqa: PLC0415 - few have a file

    try:
        tool = read_toml(text, path, _REMEDY)[0].get("tool")
    except ConfigError:
        if re.search(_OUR_TABLE, text) is None:
            return False  # for others to complain about
        raise
    return isinstance(tool, dict) and _OURS[1] in tool


def _read(
    layer: str,
    path: str,
    known: Mapping[str, Kind],
    env: Mapping[str, str],
    *,
    project_of: str = "",
) -> Source:
    """Read one file; `project_of` is the folder we are in, where the file is a project's."""
    from trioexec.settings.config.lines import read_toml  # noqa: PLC0415 - few have a file
    from trioexec.settings.config.tables import read_tables  # noqa: PLC0415
    from trioexec.settings.config.texts import Place  # noqa: PLC0415

    of_project = bool(project_of)
    if of_project:
        _check_owner(path, project_of)
    text = _text(path)
    data, lines = read_toml(text, path, _REMEDY)
    root = _OURS if of_project and path.endswith(f"/{PYPROJECT}") else ()
    for key in root:
        data = data[key]
    place = Place(
        name=path,
        folder=os.path.dirname(os.path.abspath(path)),  # noqa: PTH100, PTH120
        of_project=of_project,
        lines=lines,
        root=root,
        env=env,
    )
    if not isinstance(data, dict):
        raise ConfigError(f"{place.at(())}: it is no table.\nWrite [tool.trioexec].")
    return Source(layer=layer, path=path, tables=read_tables(data, known, place))


def _check_owner(path: str, folder: str) -> None:
    """Refuse what somebody else can have put in our way, as in /tmp above our own folder."""
    about = os.stat(path)  # noqa: PTH116
    # Whose folder we are in we know: CI runs as root in a checkout of another user's.
    owners = (0, os.geteuid(), os.stat(folder).st_uid)  # noqa: PTH116
    if about.st_uid not in owners or about.st_mode & 0o002:
        raise ConfigError(
            f"{path}: it is in the way of this folder, and another user can write it.\n"
            "Make it yours, or read none of it: --config none."
        )


def _text(path: str) -> str:
    try:
        # utf-8-sig: editors on other systems put a mark in front.
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123
            return file.read()
    except OSError as exc:
        raise ConfigError(
            f"{path}: cannot read it: {why(exc)}.\nName another: --config FILE."
        ) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: it is not text in UTF-8.\nWrite it anew.") from exc
