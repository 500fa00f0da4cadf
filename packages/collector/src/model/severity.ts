/** Severities as labels have them, in the order of OpenTelemetry's severity numbers: none, 1–4, 5–8 … 21–24. */
export const severityTexts: readonly string[] = [
  "UNSPECIFIED",
  "TRACE",
  "DEBUG",
  "INFO",
  "WARN",
  "ERROR",
  "FATAL",
];

/** What common loggers call a severity, where that is not its name. */
const synonyms: Readonly<Record<string, string>> = {
  VERBOSE: "DEBUG",
  INFORMATION: "INFO",
  NOTICE: "INFO",
  WARNING: "WARN",
  ERR: "ERROR",
  CRITICAL: "FATAL",
  ALERT: "FATAL",
  EMERGENCY: "FATAL",
  PANIC: "FATAL",
};

/** Which of `severityTexts` a severity number belongs to; 0 when it is none. */
export function severityOfNumber(severityNumber: number): number {
  return severityNumber >= 1 && severityNumber <= 24 ? Math.ceil(severityNumber / 4) : 0;
}

/** The same for a severity text in any case; 0 when it says nothing known. */
export function severityOfText(text: string): number {
  const upper = text.trim().toUpperCase();
  return Math.max(0, severityTexts.indexOf(Object.hasOwn(synonyms, upper) ? synonyms[upper]! : upper));
}
