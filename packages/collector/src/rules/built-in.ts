import type { RuleGroup } from "./rule.ts";
import { parseRuleFile } from "./rule-file.ts";

/**
 * Alerts on the collector itself: what is about to be lost, what was given up, and what waits for a person. A Prometheus rule
 * file like any other over the collector's own metrics, which are series of `job="quartet"`.
 */
const text = `
groups:
  - name: quartet
    interval: 15s
    rules:
      - alert: QuartetExportPaused
        expr: max by (instance, exporter, signal, reason) (quartet_export_paused{job="quartet",reason!=""}) == 1
        labels: { severity: critical }
        annotations:
          summary: "exporter {{ $labels.exporter }} ({{ $labels.signal }}) waits for you: {{ $labels.reason }}"
          description: "Nothing is dropped as long as the journal's disk budget lasts. The collector's log has the back end's words."
      - alert: QuartetExportBehind
        expr: max by (instance, exporter, signal) (quartet_export_lag_seconds{job="quartet"}) > 300
        for: 5m
        labels: { severity: warning }
        annotations:
          summary: "exporter {{ $labels.exporter }} ({{ $labels.signal }}) is {{ $value | humanizeDuration }} behind"
          description: "The back end is down or takes less than comes in. What waits is in the journal."
      - alert: QuartetJournalNearEviction
        expr: min by (instance, stream, consumer) (quartet_journal_seconds_until_eviction{job="quartet"}) < 3600
        labels: { severity: critical }
        annotations:
          summary: "in {{ $value | humanizeDuration }} the journal drops {{ $labels.stream }} that {{ $labels.consumer }} has not sent"
          description: "Bring the back end up, or raise journal.streams.{{ $labels.stream }}.size_max."
      - alert: QuartetDataDropped
        expr: sum by (instance, exporter, signal, reason) (increase(quartet_export_dropped_items_total{job="quartet"}[5m])) > 0
        labels: { severity: critical }
        annotations:
          summary: "exporter {{ $labels.exporter }} gave up {{ $value | humanize }} items of {{ $labels.signal }}: {{ $labels.reason }}"
      - alert: QuartetDeadLetters
        expr: sum by (instance, stream, consumer) (increase(quartet_journal_dead_letter_records_total{job="quartet"}[5m])) > 0
        labels: { severity: warning }
        annotations:
          summary: "{{ $labels.consumer }} could not take records of {{ $labels.stream }}"
          description: "They are kept in the data directory: quartet collector journal list says why, and replays them once that is mended."
      - alert: QuartetReceiveRefusing
        expr: sum by (instance, signal, reason) (increase(quartet_receive_refused_requests_total{job="quartet",reason=~"journal_full|journal_unavailable|memory_full"}[1m])) > 0
        for: 1m
        labels: { severity: critical }
        annotations:
          summary: "the collector refuses {{ $labels.signal }}: {{ $labels.reason }}"
          description: "Senders are told to try again, and drop what they cannot keep."
      - alert: QuartetStoreDamaged
        expr: max by (instance) (quartet_store_damaged_files{job="quartet"}) > 0
        labels: { severity: warning }
        annotations:
          summary: "{{ $value }} files of the store were damaged on disk, and queries miss their samples"
          description: "They lie beside the blocks in the data directory, with .damaged at the end of their names; delete them once you have seen to the disk."
      - alert: QuartetStoreRefusingSeries
        expr: sum by (instance, reason, name) (increase(quartet_store_limited_samples_total{job="quartet"}[5m])) > 0
        labels: { severity: warning }
        annotations:
          summary: "new series are refused: {{ $labels.reason }} {{ $labels.name }}"
          description: "Find the label that never repeats, or raise store.series_max, series_per_metric_max or series_per_source_max. Series that are there go on."
`;

/** The groups, named "quartet". */
export function builtInRules(): RuleGroup[] {
  return parseRuleFile(text, "built-in");
}
