"""Sends known numbers of spans, log records and data points with OpenTelemetry's SDK for Python, compressed with gzip.

Usage: client.py http|grpc HOST:PORT SERVICE SPANS LOGS COUNTERS
"""

import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode


def exporters(protocol, endpoint):
    """The exporters of spans, logs and metrics."""
    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        settings = {"compression": Compression.Gzip}
        return (
            OTLPSpanExporter(endpoint=f"http://{endpoint}/v1/traces", **settings),
            OTLPLogExporter(endpoint=f"http://{endpoint}/v1/logs", **settings),
            OTLPMetricExporter(endpoint=f"http://{endpoint}/v1/metrics", **settings),
        )
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        settings = {"endpoint": endpoint, "insecure": True, "compression": Compression.Gzip}
        return OTLPSpanExporter(**settings), OTLPLogExporter(**settings), OTLPMetricExporter(**settings)
    sys.exit(f"unknown protocol {protocol}: use http or grpc")


def send_spans(exporter, resource, number):
    """Every second span is a failed request of a server, the others are clients' good ones."""
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("client")
    for index in range(number):
        is_server = index % 2 == 0
        span = tracer.start_span("work", kind=SpanKind.SERVER if is_server else SpanKind.CLIENT)
        span.set_attribute("index", index)
        span.set_attribute("list", ["ä", "b"])
        span.add_event("half")
        if is_server:
            span.set_status(Status(StatusCode.ERROR, "broken"))
        span.end()
    end(provider)


def send_logs(exporter, resource, number):
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("client")
    for index in range(number):
        logger.emit(
            LogRecord(timestamp=time.time_ns(), severity_number=SeverityNumber.WARN, body=f"line {index}")
        )
    end(provider)


def send_metrics(exporter, resource, number):
    """One data point for each counter, whose value is its number, and one histogram."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(resource=resource, metric_readers=[reader])
    meter = provider.get_meter("client")
    counter = meter.create_counter("client.sent")
    for index in range(number):
        counter.add(index, {"index": index})
    meter.create_histogram("client.duration").record(0.5)
    provider.shutdown()


def end(provider):
    """The SDK only logs what it could not send; a test that counts finds out."""
    if not provider.force_flush():
        sys.exit("not everything could be sent in time")
    provider.shutdown()


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    protocol, endpoint, service, *numbers = sys.argv[1:]
    span_count, log_count, counter_count = map(int, numbers)
    resource = Resource({"service.name": service})
    spans, logs, metrics = exporters(protocol, endpoint)
    send_spans(spans, resource, span_count)
    send_logs(logs, resource, log_count)
    send_metrics(metrics, resource, counter_count)


main()
