import { otlpGrpcKind, otlpHttpKind } from "./otlp-kinds.ts";
import { describeExporter } from "./suite.ts";
import { describeConnections } from "./tls-suite.ts";

for (const kind of [otlpHttpKind, otlpGrpcKind]) {
  describeExporter(kind);
  describeConnections(kind);
}
