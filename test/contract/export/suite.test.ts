import { elasticsearchKind } from "./elasticsearch/kind.ts";
import { otlpGrpcKind, otlpHttpKind } from "./otlp-kinds.ts";
import { remoteWriteKind } from "./remote-write-kind.ts";
import { describeExporter } from "./suite.ts";
import { describeConnections } from "./tls-suite.ts";

for (const kind of [otlpHttpKind, otlpGrpcKind, elasticsearchKind, remoteWriteKind]) {
  describeExporter(kind);
  describeConnections(kind);
}
