"""What the operator's Prometheus reads at /metrics: counts and times, and nothing that a reader wrote."""

from __future__ import annotations

import ipaddress
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException

from wellcited.settings import Settings

STAGES = ("wait", "triage", "retrieve", "compose", "total")
REASONS = ("client_rate", "global_rate", "queue", "origin", "token", "size")
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OF_SEVERAL: dict[str, Literal["livemin", "livemax"]] = {
    "wellcited_ready": "livemin",
    "wellcited_bundle_age_seconds": "livemax",
    "process_start_time_seconds": "livemin",
}
"""What several workers have together, where it is no sum."""
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class Metrics:
    """The figures of one server; every label has a small, known set of values.

    Where several workers share `folder` (see `share`), counts and times are those of all of them, and so are the
    figures of now, which each worker writes down with `publish`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is no figure of ours
        self.registry = self.shown = CollectorRegistry()
        self.several = folder is not None
        self._own: list[Collector] = []
        self._gauges: dict[str, Gauge] = {}
        if folder is not None:
            self.shown = CollectorRegistry()
            MultiProcessCollector(self.shown, str(folder))  # type: ignore[no-untyped-call]
        self.requests = Counter(
            "wellcited_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "wellcited_request_seconds", "Time to answer a request.", ("route",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.answers = Counter("wellcited_answers", "Answers given.", ("kind", "tier"), registry=self.registry)
        self.failures = Counter(
            "wellcited_failures", "Questions that an error left unanswered.", registry=self.registry
        )
        self.stages = Histogram(
            "wellcited_answer_seconds", "Time of each stage of an answer.", ("stage",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.refusals = Counter("wellcited_refused", "Requests refused, and why.", ("reason",), registry=self.registry)
        self.lookups = Counter(
            "wellcited_cache", "Questions that were looked up among the answers given before.", ("result",),
            registry=self.registry,
        )  # fmt: skip
        for result in ("hit", "miss"):
            self.lookups.labels(result)
        for name in STAGES:
            self.stages.labels(name)
        for reason in REASONS:
            self.refusals.labels(reason)
        self._watch(ProcessCollector(registry=None))
        PlatformCollector(registry=self.shown)

    def _watch(self, collector: Collector) -> None:
        self._own.append(collector)
        if not self.several:
            self.registry.register(collector)

    def publish(self) -> None:
        """Where there are several workers, write down what this one's figures are now."""
        if not self.several:
            return
        for family in (family for collector in self._own for family in collector.collect()):
            for sample in family.samples if family.type == "gauge" else ():
                if sample.name not in self._gauges:
                    self._gauges[sample.name] = Gauge(
                        sample.name, family.documentation, registry=self.registry,
                        multiprocess_mode=_OF_SEVERAL.get(sample.name, "livesum"),
                    )  # fmt: skip
                self._gauges[sample.name].set(sample.value)

    def told(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        self.publish()
        return generate_latest(self.shown)

    def stage(self, name: str, seconds: float) -> None:
        """Note how long a stage of an answer took."""
        self.stages.labels(name if name in STAGES else "other").observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a request that was not taken on."""
        self.refusals.labels(reason).inc()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered; a method of the client's own making is one among others."""
        method = method if method in METHODS else "other"
        self.requests.labels(route, method, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def cached(self, hit: bool) -> None:
        """Count a question that was asked before, or was not."""
        self.lookups.labels("hit" if hit else "miss").inc()

    def watch_cache(self, held: Callable[[], tuple[int, int]]) -> None:
        """Tell how many answers `held` says are remembered, and in how many bytes."""
        self._watch(
            _Pair(
                held,
                ("wellcited_cached_answers", "Answers that are remembered."),
                ("wellcited_cached_bytes", "What they take, as JSON."),
            )
        )

    def watch_load(self, load: Callable[[], tuple[int, int]]) -> None:
        """Tell how many questions `load` says are being answered, and how many wait."""
        self._watch(
            _Pair(
                load,
                ("wellcited_answering", "Questions being answered."),
                ("wellcited_waiting", "Questions waiting for their turn."),
            )
        )

    def watch_bundle(self, bundle_id: Callable[[], str], ready: Callable[[], bool], index: Path) -> None:
        """Tell which build answers, how old it is, and whether it has given a first answer."""
        self._watch(_Bundle(bundle_id, ready, index))
        self.shown.register(_Name(bundle_id))


class _Pair(Collector):
    """Two figures that are read together, each `told` by its name and what it is."""

    def __init__(self, read: Callable[[], tuple[int, int]], *told: tuple[str, str]) -> None:
        self.read, self.told = read, told

    def collect(self) -> Iterator[Metric]:
        for (name, what), value in zip(self.told, self.read(), strict=True):
            yield GaugeMetricFamily(name, what, value=value)


class _Bundle(Collector):
    """Asked for at every reading: a build may be exchanged while the server runs."""

    def __init__(self, bundle_id: Callable[[], str], ready: Callable[[], bool], index: Path) -> None:
        self.bundle_id, self.ready, self.index = bundle_id, ready, index

    def collect(self) -> Iterator[Metric]:
        try:
            built = (self.index / "builds" / self.bundle_id() / "manifest.json").stat().st_mtime
        except OSError:  # removed since, or never on this disk
            pass
        else:
            yield GaugeMetricFamily(
                "wellcited_bundle_age_seconds", "Since the build was made.", value=max(0.0, time.time() - built)
            )
        yield GaugeMetricFamily("wellcited_ready", "1 once a first answer was given.", value=int(self.ready()))


class _Name(Collector):
    """Of several workers, the build of the one that is asked: the others have it within a second."""

    def __init__(self, bundle_id: Callable[[], str]) -> None:
        self.bundle_id = bundle_id

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("wellcited_bundle", "The build that answers.", value={"bundle_id": self.bundle_id()})


def share(folder: Path) -> None:
    """Have the figures that are made after this written into `folder`, where several processes add them up.

    The client library decides that as it is imported, from this variable; by now it is imported.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def forget(pid: int, folder: Path) -> None:
    """Take out of `folder` what a worker that ended had for figures of now; its counts stay."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def metrics_router(metrics: Metrics, settings: Settings) -> APIRouter:
    """Serve `/metrics` to whom the settings name; to others it is not there."""
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    def read(request: Request) -> Response:
        if not may_read(request, settings):
            raise HTTPException(404)
        return Response(metrics.told(), media_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    return router


def may_read(request: Request, settings: Settings) -> bool:
    """Tell whether the settings let this client read the metrics."""
    if settings.metrics == "off":
        return False
    if settings.metrics_token is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = settings.metrics_token.get_secret_value()
        return scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), wanted.encode())
    return settings.metrics == "on" or _is_local(request)


def _is_local(request: Request) -> bool:
    """Tell whether the client is on this machine, and is no proxy that stands for others."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
