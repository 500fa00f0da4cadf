// Command go-client sends known numbers of spans, log records and data points with OpenTelemetry's SDK for Go, compressed with gzip.
// Usage: go-client http|grpc HOST:PORT SERVICE SPANS LOGS COUNTERS
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	logapi "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	traceapi "go.opentelemetry.io/otel/trace"
)

func main() {
	if len(os.Args) != 7 {
		log.Fatal("usage: go-client http|grpc HOST:PORT SERVICE SPANS LOGS COUNTERS")
	}
	protocol, endpoint, service := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res := resource.NewSchemaless(attribute.String("service.name", service))
	spans, logs, metrics := exporters(ctx, protocol, endpoint)
	sendSpans(ctx, spans, res, count(4))
	sendLogs(ctx, logs, res, count(5))
	sendMetrics(ctx, metrics, res, count(6))
}

func count(argument int) int {
	number, err := strconv.Atoi(os.Args[argument])
	must(err)
	return number
}

// A failed export reaches the caller of Shutdown; nothing is left in the background then.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func exporters(ctx context.Context, protocol, endpoint string) (*otlptrace.Exporter, sdklog.Exporter, sdkmetric.Exporter) {
	var spans *otlptrace.Exporter
	var logs sdklog.Exporter
	var metrics sdkmetric.Exporter
	var err error
	switch protocol {
	case "http":
		spans, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure(),
			otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		must(err)
		logs, err = otlploghttp.New(ctx, otlploghttp.WithEndpoint(endpoint), otlploghttp.WithInsecure(),
			otlploghttp.WithCompression(otlploghttp.GzipCompression))
		must(err)
		metrics, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(endpoint), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		must(err)
	case "grpc":
		spans, err = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithCompressor("gzip"))
		must(err)
		logs, err = otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(endpoint), otlploggrpc.WithInsecure(),
			otlploggrpc.WithCompressor("gzip"))
		must(err)
		metrics, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithCompressor("gzip"))
		must(err)
	default:
		log.Fatalf("unknown protocol %q: use http or grpc", protocol)
	}
	return spans, logs, metrics
}

// Every second span is a failed request of a server, the others are clients' good ones.
func sendSpans(ctx context.Context, exporter trace.SpanExporter, res *resource.Resource, number int) {
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(res))
	tracer := provider.Tracer("client")
	for index := range number {
		kind := traceapi.SpanKindClient
		if index%2 == 0 {
			kind = traceapi.SpanKindServer
		}
		_, span := tracer.Start(ctx, "work", traceapi.WithSpanKind(kind),
			traceapi.WithAttributes(attribute.Int("index", index), attribute.StringSlice("list", []string{"ä", "b"})))
		span.AddEvent("half")
		if index%2 == 0 {
			span.SetStatus(codes.Error, "broken")
		}
		span.End()
	}
	must(provider.ForceFlush(ctx))
	must(provider.Shutdown(ctx))
}

func sendLogs(ctx context.Context, exporter sdklog.Exporter, res *resource.Resource, number int) {
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(res))
	logger := provider.Logger("client")
	for index := range number {
		var record logapi.Record
		record.SetTimestamp(time.Now())
		record.SetSeverity(logapi.SeverityWarn)
		record.SetBody(logapi.StringValue(fmt.Sprintf("line %d", index)))
		logger.Emit(ctx, record)
	}
	must(provider.ForceFlush(ctx))
	must(provider.Shutdown(ctx))
}

// One data point for each counter, whose value is its number, and one histogram.
func sendMetrics(ctx context.Context, exporter sdkmetric.Exporter, res *resource.Resource, number int) {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithResource(res))
	meter := provider.Meter("client")
	counter, err := meter.Int64Counter("client.sent")
	must(err)
	for index := range number {
		counter.Add(ctx, int64(index), metric.WithAttributes(attribute.Int("index", index)))
	}
	histogram, err := meter.Float64Histogram("client.duration")
	must(err)
	histogram.Record(ctx, 0.5)
	must(provider.Shutdown(ctx))
}
