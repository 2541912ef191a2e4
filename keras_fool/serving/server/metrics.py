"""What Prometheus reads: requests by protocol, method and code, their times, batch sizes."""

import prometheus_client
from prometheus_client import exposition

CONTENT_TYPE = exposition.CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
_ROWS = tuple(4**power for power in range(8))


class Metrics:
    """Counters of one server; safe from any thread."""

    def __init__(self):
        self._registry = prometheus_client.CollectorRegistry()
        self._requests = prometheus_client.Counter(
            "keras_fool_requests",
            "Requests answered.",
            ["protocol", "method", "code"],
            registry=self._registry,
        )
        self._seconds = prometheus_client.Histogram(
            "keras_fool_request_seconds",
            "Time to answer a request.",
            ["protocol", "method"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = prometheus_client.Histogram(
            "keras_fool_run_rows",
            "Rows in a run of the model.",
            buckets=_ROWS,
            registry=self._registry,
        )

    def count(self, protocol: str, method: str, code: str, seconds: float) -> None:
        """Counts an answered request."""
        self._requests.labels(protocol, method, code).inc()
        self._seconds.labels(protocol, method).observe(seconds)

    def count_run(self, rows: int) -> None:
        """Counts a run of the model."""
        self._rows.observe(rows)

    def page(self) -> bytes:
        """The page in Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)
