"""Counters for /metrics: how often, how long, with which status; never who or about whom."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter("hoichan_requests", "Requests by route and status", ["what", "status"], registry=REGISTRY)
SECONDS = Histogram("hoichan_request_seconds", "Time to answer", ["what"], registry=REGISTRY)
DEAD_JOBS = Gauge("hoichan_dead_jobs", "Jobs that nobody tries any more", ["kind"], registry=REGISTRY)


def observe_dead_jobs(counts: Mapping[str, int]) -> None:
    DEAD_JOBS.clear()
    for kind, count in counts.items():
        DEAD_JOBS.labels(kind).set(count)


def observe(what: str, status: int, seconds: float) -> None:
    _requests(what, status).inc()
    _seconds(what).observe(seconds)


@cache
def _requests(what: str, status: int) -> Counter:
    """The one of these labels: as many as there are routes and kinds of answers."""
    return REQUESTS.labels(what, str(status))


@cache
def _seconds(what: str) -> Histogram:
    return SECONDS.labels(what)


def exposition() -> bytes:
    return generate_latest(REGISTRY)
