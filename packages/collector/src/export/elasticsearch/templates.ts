/** A component template and the index template that uses it. */
export interface Templates {
  readonly name: string;
  readonly component: Readonly<Record<string, unknown>>;
  readonly index: Readonly<Record<string, unknown>>;
}

/** Grows with each change of what is below; an older one of ours on a server is replaced. */
export const templateVersion = 1;

/** Who made it; the mark by which ours are known again. */
export const managedBy = "quartet";

/**
 * Above Elasticsearch's own `logs` (100), below its `logs-otel@template` (120), which knows more: where that one is, ours rests.
 * An odd number, as two templates of one priority may not match the same names.
 */
const templatePriority = 113;

/**
 * How fields of any name are kept, the best first; a server refuses what it does not know.
 * "passthrough": as Elasticsearch's own templates have it, `a` beside `a.b` and all (8.15 and later);
 * "flat": the same without the shortcut to leave off `attributes.` (8.3 and later);
 * "flat_object": OpenSearch's way: words only, but no conflict either.
 */
export const fieldKinds = ["passthrough", "flat", "flat_object"] as const;
export type FieldKind = (typeof fieldKinds)[number];

const keyword = { type: "keyword", ignore_above: 1024 };
const count = { type: "long" };

function anyFields(kind: FieldKind, priority: number): Record<string, unknown> {
  switch (kind) {
    case "passthrough":
      return { type: "passthrough", dynamic: true, priority };
    case "flat":
      return { type: "object", dynamic: true, subobjects: false };
    case "flat_object":
      return { type: "flat_object" };
  }
}

/** A field that does not fit is left out of the index, not the document; nor is one field too many a reason to refuse it. */
function indexSettings(kind: FieldKind): Record<string, unknown> {
  const totalFields = kind === "passthrough" ? { total_fields: { ignore_dynamic_beyond_limit: true } } : {};
  return { codec: "best_compression", mapping: { ignore_malformed: true, ...totalFields } };
}

export interface TemplateSettings {
  readonly signal: "logs" | "traces";
  readonly fieldKind: FieldKind;
  /** More settings of its indexes: who deletes old data. */
  readonly lifecycleSettings: Readonly<Record<string, unknown>>;
  /** For the data stream's own lifecycle, where that deletes old data. */
  readonly lifecycleRetention: string | undefined;
  /** As configured, to see when it changes; as in "7d". */
  readonly retention: string | undefined;
}

export function templateName(signal: "logs" | "traces"): string {
  return `quartet-${signal}-otel`;
}

/** The mappings of OpenTelemetry's fields, as Elasticsearch's templates have them, in types that every server knows. */
export function buildTemplates(settingsOf: TemplateSettings): Templates {
  const { signal, fieldKind, lifecycleSettings, lifecycleRetention, retention } = settingsOf;
  const name = templateName(signal);
  const owner = (priority: number): Record<string, unknown> => ({
    schema_url: keyword,
    name: keyword,
    version: keyword,
    dropped_attributes_count: count,
    attributes: anyFields(fieldKind, priority),
  });
  const mappings = {
    dynamic: false,
    date_detection: false,
    dynamic_templates: [{ text: { match_mapping_type: "string", mapping: keyword } }],
    properties: {
      "@timestamp": { type: "date_nanos" },
      observed_timestamp: { type: "date_nanos" },
      data_stream: { properties: { type: keyword, dataset: keyword, namespace: keyword } },
      trace_id: keyword,
      span_id: keyword,
      dropped_attributes_count: count,
      attributes: anyFields(fieldKind, 40),
      scope: { properties: owner(30) },
      resource: { properties: owner(20) },
      severity_text: keyword,
      severity_number: { type: "byte" },
      event_name: keyword,
      body: { properties: { text: { type: "text" }, structured: anyFields(fieldKind, 10) } },
    },
  };
  const mark = {
    version: templateVersion,
    _meta: {
      managed_by: managedBy,
      ...(retention === undefined ? {} : { retention }),
      description: "OpenTelemetry data from Quartet. To keep your own version of it, take managed_by away.",
    },
  };
  return {
    name,
    component: {
      ...mark,
      template: {
        settings: { index: { ...indexSettings(fieldKind), ...lifecycleSettings } },
        mappings,
        ...(lifecycleRetention === undefined ? {} : { lifecycle: { data_retention: lifecycleRetention } }),
      },
    },
    index: {
      ...mark,
      index_patterns: [`${signal}-*.otel-*`],
      priority: templatePriority,
      data_stream: {},
      composed_of: [name],
    },
  };
}
