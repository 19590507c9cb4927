"""Events as JSON, one object each, and back.

The names and shapes here are a promise (docs/reference/events.md): fields may
be added, none goes or changes its meaning without another `VERSION`.  Output
that is UTF-8 stands under ``text``, any other under ``base64``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trioexec.model.errors import TrioexecError
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    SudoDenied,
    TimedOut,
    Unreachable,
)

__all__ = [
    "EVENTS",
    "OUTCOMES",
    "VERSION",
    "CodecError",
    "from_json",
    "outcome_from_dict",
    "outcome_to_dict",
    "to_json",
]

VERSION: Final = 1
"""Under ``v`` in every object."""

EVENTS: Final[Mapping[str, type[Event]]] = {
    "run_started": RunStarted,
    "node_queued": NodeQueued,
    "node_connecting": NodeConnecting,
    "node_started": NodeStarted,
    "node_output": NodeOutput,
    "node_finished": NodeFinished,
    "run_finished": RunFinished,
}
"""What stands under ``event``."""

OUTCOMES: Final[Mapping[str, type[Outcome]]] = {
    "exited": Exited,
    "killed": Killed,
    "timed_out": TimedOut,
    "unreachable": Unreachable,
    "denied": Denied,
    "sudo_denied": SudoDenied,
    "host_key_rejected": HostKeyRejected,
    "cancelled": Cancelled,
}
"""What stands under ``kind`` of an outcome."""

_encode: Final = msgspec.json.Encoder().encode
_EVENT_NAMES: Final = {kind: name for name, kind in EVENTS.items()}
_OUTCOME_NAMES: Final = {kind: name for name, kind in OUTCOMES.items()}


class CodecError(TrioexecError):
    """A text is not an event of a version that we know."""


def to_json(event: Event) -> bytes:
    """Make one line of it, without the newline."""
    head: dict[str, object] = {"v": VERSION, "event": _EVENT_NAMES[type(event)]}
    match event:
        case NodeOutput():
            head |= {"node": event.node, "at_s": event.at_s, "stream": event.stream}
            try:
                head["text"] = event.data.decode()
            except UnicodeDecodeError:
                head["base64"] = b64encode(event.data).decode()
        case NodeFinished():
            head |= {"node": event.node, "at_s": event.at_s}
            head["outcome"] = outcome_to_dict(event.outcome)
        case RunStarted() | RunFinished():
            head |= msgspec.to_builtins(event)
        case NodeQueued() | NodeConnecting() | NodeStarted():
            head |= {"node": event.node, "at_s": event.at_s}
    return _encode(head)


def from_json(line: bytes) -> Event:
    """Read one object; fields that we do not know are ignored.

    Raises:
        CodecError: It is no event of ours.
    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        if fields.get("v") != VERSION:
            raise CodecError(f"events of version {fields.get('v')!r} cannot be read")
        kind = EVENTS[fields["event"]]
        if kind is NodeOutput:
            encoded = fields.pop("base64", None)
            if encoded is None:
                fields["data"] = fields.pop("text").encode()
            else:
                fields["data"] = b64decode(encoded, validate=True)
        elif kind is NodeFinished:
            head = msgspec.convert(fields, NodeQueued)
            outcome = outcome_from_dict(fields["outcome"])
            return NodeFinished(node=head.node, at_s=head.at_s, outcome=outcome)
        return msgspec.convert(fields, kind, builtin_types=(bytes,))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise CodecError(f"not an event: {exc}") from exc


def outcome_to_dict(outcome: Outcome) -> dict[str, Any]:
    """Make a dict for JSON; what can be derived is said too, for readers without our code."""
    own: dict[str, Any] = msgspec.to_builtins(outcome)
    return {
        "kind": _OUTCOME_NAMES[type(outcome)],
        **own,
        "ok": outcome.ok,
        "exit_code": outcome.exit_code,
        "text": outcome.text,
    }


def outcome_from_dict(fields: Mapping[str, Any]) -> Outcome:
    """Read what `outcome_to_dict` made."""
    return msgspec.convert(fields, OUTCOMES[fields["kind"]])
