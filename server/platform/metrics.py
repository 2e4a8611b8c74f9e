"""Counters for /metrics: how often, how long, with which status; never who or about whom."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter("hoichan_requests", "Requests by route and status", ["what", "status"], registry=REGISTRY)
SECONDS = Histogram("hoichan_request_seconds", "Time to answer", ["what"], registry=REGISTRY)
SOCKETS = Gauge("hoichan_sockets", "Open room sockets", registry=REGISTRY)


def observe(what: str, status: int, seconds: float) -> None:
    REQUESTS.labels(what, str(status)).inc()
    SECONDS.labels(what).observe(seconds)


def exposition() -> bytes:
    return generate_latest(REGISTRY)
