"""The JSON schema of the event stream, made from the same classes as the events."""

from __future__ import annotations

import inspect
import types
from typing import Any, Final, Literal, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

from trioexec.model.event_codec import EVENTS, OUTCOMES, VERSION
from trioexec.model.events import NodeOutput
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Outcome

__all__ = ["event_schema"]

_KNOWN: Final[dict[object, dict[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    bytes: {},  # `_event` has its own word on it
    Node: {"$ref": "#/$defs/node"},
    Outcome: {"$ref": "#/$defs/outcome"},
}


def event_schema() -> dict[str, Any]:
    """Make the schema of one line; a reader must bear fields that it does not name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "trioexec event",
        "description": "One line of `trioexec --json`. Fields may be added.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in EVENTS],
        "$defs": {name: _event(name, kind) for name, kind in EVENTS.items()}
        | {"node": _object(Node), "outcome": _outcome()},
    }


def _event(name: str, kind: type) -> dict[str, Any]:
    schema = _object(kind, {"v": {"const": VERSION}, "event": {"const": name}})
    if kind is NodeOutput:
        del schema["properties"]["data"]
        schema["required"].remove("data")
        schema["properties"] |= {
            "text": {"type": "string", "description": "The bytes, where they are UTF-8."},
            "base64": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "The bytes, where they are not UTF-8.",
            },
        }
        schema["oneOf"] = [{"required": ["text"]}, {"required": ["base64"]}]
    return schema


def _outcome() -> dict[str, Any]:
    derived = {
        "ok": {"type": "boolean"},
        "exit_code": {"type": "integer", "description": "What the node counts as."},
        "text": {"type": "string", "description": "One line for people."},
    }
    kinds = []
    for name, kind in OUTCOMES.items():
        schema = _object(kind, {"kind": {"const": name}})
        schema["properties"] |= derived
        schema["required"] += derived
        kinds.append(schema)
    return {"oneOf": kinds}


def _object(kind: type[Struct], head: dict[str, Any] | None = None) -> dict[str, Any]:
    own = {field.name: field.type for field in fields(kind)}
    return {
        "type": "object",
        # The rest is for who makes one.
        "description": (inspect.getdoc(kind) or "").partition("\n\n")[0],
        "properties": (head or {}) | {name: _value(hint) for name, hint in own.items()},
        # Without those with a default, too: we always write them all.
        "required": [*(head or {}), *own],
    }


def _value(hint: Any) -> dict[str, Any]:  # noqa: ANN401 -- any type hint
    if hint in _KNOWN:
        return dict(_KNOWN[hint])
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _value(get_args(hint)[0])}
    if isinstance(hint, types.UnionType) or get_origin(hint) is not None:
        return {"anyOf": [_value(part) for part in get_args(hint)]}
    raise TypeError(f"no schema for {hint}")
