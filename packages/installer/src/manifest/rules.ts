import type { InstallSettings } from "./settings.ts";
import { toYaml } from "./yaml.ts";

const failing = `sum by (service_name) (rate(traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR"}[5m]))`;
const calls = `sum by (service_name) (rate(traces_span_metrics_calls_total{span_kind="SPAN_KIND_SERVER"}[5m]))`;
const slowest = `histogram_quantile(0.99, sum by (service_name, le) (rate(traces_span_metrics_duration_milliseconds_bucket{span_kind="SPAN_KIND_SERVER"}[5m])))`;

/** Rules about the user's services that say something sensible about any service; a start, to be replaced by --rules. */
const exampleRules = {
  groups: [
    {
      name: "services",
      rules: [
        {
          alert: "ServiceFailing",
          expr: `${failing} / ${calls} > 0.05`,
          for: "1m",
          labels: { severity: "page" },
          annotations: {
            summary: "{{ $labels.service_name }} fails {{ $value | humanizePercentage }} of its requests",
          },
        },
        {
          alert: "ServiceSlow",
          expr: `${slowest} > 2000`,
          for: "5m",
          labels: { severity: "ticket" },
          annotations: {
            summary:
              "One in a hundred requests to {{ $labels.service_name }} takes {{ $value | humanize }} ms",
          },
        },
        {
          alert: "ServiceSilent",
          expr: "quartet_source_up == 0",
          for: "1m",
          labels: { severity: "page" },
          annotations: {
            summary: "{{ $labels.service_name }} ({{ $labels.service_instance_id }}) stopped sending",
          },
        },
      ],
    },
  ],
};

/** Rules about the installed parts themselves, evaluated by Prometheus: the collector cannot report its own end. */
export const stackRules: Readonly<Record<string, unknown>> = {
  groups: [
    {
      name: "quartet",
      rules: [
        {
          alert: "QuartetCollectorDown",
          expr: `up{job="quartet-collector"} == 0 or absent(up{job="quartet-collector"})`,
          for: "1m",
          labels: { severity: "page" },
          annotations: { summary: "The collector cannot be scraped: no alert about a service will be sent" },
        },
        {
          alert: "QuartetJournalNearEviction",
          expr: "quartet_journal_seconds_until_eviction < 3600",
          for: "5m",
          labels: { severity: "page" },
          annotations: {
            summary:
              "The journal of {{ $labels.stream }} drops what {{ $labels.consumer }} has not read within the hour",
          },
        },
        {
          alert: "PodNotScraped",
          expr: `up{job="pods"} == 0`,
          for: "5m",
          labels: { severity: "ticket" },
          annotations: {
            summary: "{{ $labels.namespace }}/{{ $labels.pod }} asks to be scraped and does not answer",
          },
        },
      ],
    },
  ],
};

/** The collector's rule files by name. */
export function collectorRules({ ruleFiles }: InstallSettings): Readonly<Record<string, string>> {
  if (ruleFiles.length === 0) return { "example.yaml": toYaml(exampleRules) };
  return Object.fromEntries(ruleFiles.map(({ name, text }) => [name, text]));
}
