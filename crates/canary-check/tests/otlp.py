"""Two versions of a service that OpenTelemetry's own SDK measures.

    otlp.py FILE delta|cumulative BAD

Appends every export to FILE as a line of JSON, as the collector's file
exporter does, until standard input ends. Of 50 requests at a time one of the
known version is bad, and BAD of the other.
"""

import sys
import threading

from google.protobuf.json_format import MessageToJson
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

PATH, TEMPORALITY, BAD = sys.argv[1], sys.argv[2], int(sys.argv[3])
LOCK = threading.Lock()
STATUS = "http.response.status_code"


class Lines(MetricExporter):
    def __init__(self):
        kind = AggregationTemporality[TEMPORALITY.upper()]
        super().__init__(preferred_temporality={Counter: kind, Histogram: kind})

    def export(self, metrics_data, timeout_millis=10_000, **kwargs):
        line = MessageToJson(encode_metrics(metrics_data), indent=None)
        with LOCK, open(PATH, "a") as file:
            file.write(line + "\n")
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis=10_000):
        return True

    def shutdown(self, timeout_millis=30_000, **kwargs):
        pass


def serve(version, bad, done):
    resource = Resource({
        "service.name": "shop", "service.version": version, "service.instance.id": version,
    })
    reader = PeriodicExportingMetricReader(Lines(), export_interval_millis=250)
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    meter = provider.get_meter("app")
    requests = meter.create_counter("shop.requests")
    durations = meter.create_histogram("http.server.request.duration", unit="s")
    while not done.wait(0.1):
        requests.add(50 - bad, {STATUS: 200})
        requests.add(bad, {STATUS: 500})
        for number in range(50):
            durations.record(0.01, {STATUS: 500 if number < bad else 200})
    provider.shutdown()


def main():
    done = threading.Event()
    versions = [("v1", 1), ("v2", BAD)]
    threads = [threading.Thread(target=serve, args=(*version, done)) for version in versions]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    done.set()
    for thread in threads:
        thread.join()


main()
