"""Where spans go: to what the standard ``OTEL_*`` variables say, by OpenTelemetry's SDK.

The SDK exports in a thread of its own.  What goes wrong there is said once, at the end.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

import trio
from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from trioexec.model.errors import UsageError
from trioexec.model.events import Event, RunFinished
from trioexec.sinks.otel import OtelSink

__all__ = ["FLUSH_S", "Complaints", "Exporting", "OtelExportSink", "open_exporting"]

FLUSH_S: Final = 5.0
"""How long the last spans may take once the run is over, collector or none."""

_NOBODY: Final = "unknown_service"
"""What the SDK calls a service that has no name."""

_LOGGER: Final = logging.getLogger("opentelemetry")

_GROUP: Final = "opentelemetry_traces_exporter"
_PROTOCOLS: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_PACKAGES: Final = {
    "otlp_proto_http": "opentelemetry-exporter-otlp-proto-http",
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
}


class Complaints(logging.Handler):
    """Keeps the SDK's last one; on stderr it would stand between the lines of the nodes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count: int = 0
        self.last: str = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one; called in the SDK's threads."""
        self.count += 1
        self.last = record.getMessage()


class Exporting(Struct, frozen=True, kw_only=True):
    """A tracer provider, and what belongs to it."""

    provider: TracerProvider
    """To be shut down when the run is over."""

    context: Context
    """Of the span that the run is part of."""

    shown: io.StringIO
    """What the console exporter writes to: on stderr it would write between our lines."""

    complaints: Complaints


def open_exporting(env: Mapping[str, str]) -> Exporting:
    """Make a tracer provider of the environment.

    Args:
        env: Ours.  ``OTEL_TRACES_EXPORTER`` is otlp, console, none, or what is installed
            under ``opentelemetry_traces_exporter``; ``TRACEPARENT`` is the span round the run.
            What else the SDK knows it reads itself.

    Raises:
        UsageError: An exporter is not installed, or a variable makes no sense.
    """
    shown = io.StringIO()
    complaints = Complaints()
    _LOGGER.addHandler(complaints)
    try:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, _NOBODY)).startswith(_NOBODY):
            resource = resource.merge(Resource({SERVICE_NAME: "trioexec"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for name in _names(env):
            provider.add_span_processor(BatchSpanProcessor(_exporter(name, shown)))
    except (ValueError, TypeError) as exc:
        raise UsageError(f"--otel: {exc}.\nCorrect the OTEL_* variable that says so.") from exc
    carrier = {name: env.get(name.upper(), "") for name in ("traceparent", "tracestate")}
    context = TraceContextTextMapPropagator().extract(carrier, Context())
    return Exporting(provider=provider, context=context, shown=shown, complaints=complaints)


def _names(env: Mapping[str, str]) -> list[str]:
    names = [name.strip() for name in (env.get("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    protocol = (
        env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or env.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    )
    if "otlp" in names and protocol not in _PROTOCOLS:
        raise UsageError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL {protocol}: no such protocol.\n"
            f"It takes {' or '.join(_PROTOCOLS)}."
        )
    return [
        _PROTOCOLS[protocol] if name == "otlp" else name
        for name in names
        if name not in ("", "none")
    ]


def _exporter(name: str, shown: io.StringIO) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter(
            out=shown, formatter=lambda span: f"{span.to_json(indent=None)}\n"
        )
    for point in entry_points(group=_GROUP, name=name):
        try:
            make: Callable[[], Any] = point.load()
        except ImportError as exc:
            raise UsageError(
                f"--otel: the exporter {name} cannot be loaded: {exc}.\n"
                f"Install it again: pip install {_PACKAGES.get(name, point.value)}"
            ) from exc
        exporter: SpanExporter = make()
        return exporter
    known = ", ".join(sorted({"otlp", "none", *entry_points(group=_GROUP).names}))
    install = _PACKAGES.get(name)
    raise UsageError(
        f"--otel: there is no exporter {name} here.\n"
        + (
            f"Install it: pip install {install}"
            if install
            else f"OTEL_TRACES_EXPORTER takes {known}."
        )
    )


class OtelExportSink:
    """Makes the spans of a run, and waits until they are exported."""

    def __init__(self, exporting: Exporting, *, say: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            exporting: Where they go.
            say: Shows one line to the user.
        """
        self._exporting = exporting
        self._say = say
        self._spans = OtelSink(exporting.provider.get_tracer("trioexec"), context=exporting.context)
        self._over = trio.Event()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._spans.handle(event)
        if isinstance(event, RunFinished):
            self._over.set()

    async def serve(self) -> None:
        """Wait for the end of the run, then at most `FLUSH_S` for the last spans.

        Cancelled, it does not wait; a thread may then still be sending.
        """
        await self._over.wait()
        exporting = self._exporting
        with trio.move_on_after(FLUSH_S) as limit:
            await trio.to_thread.run_sync(exporting.provider.shutdown, abandon_on_cancel=True)
        _LOGGER.removeHandler(exporting.complaints)
        for line in exporting.shown.getvalue().splitlines():
            self._say(line)
        if limit.cancelled_caught:
            self._say(f"trioexec: spans were not taken within {FLUSH_S:.0f} s, and are lost.")
        elif exporting.complaints.count:
            self._say(f"trioexec: spans may be lost: {exporting.complaints.last}")
