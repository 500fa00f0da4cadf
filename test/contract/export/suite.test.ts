import { otlpGrpcKind, otlpHttpKind } from "./otlp-kinds.ts";
import { describeExporter } from "./suite.ts";

for (const kind of [otlpHttpKind, otlpGrpcKind]) describeExporter(kind);
