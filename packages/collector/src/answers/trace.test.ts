import { expect, test } from "vitest";
import { failureOf, type Answer } from "../api/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { answerTrace } from "./index.ts";

const wanted = "4bf92f3577b34da6a3ce929d0e0e4736";
const other = "00000000000000000000000000000001";

function record(service: string, ...spans: readonly (readonly [traceId: string, name: string])[]) {
  return {
    payload: encodeRequest("spans", {
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
          scopeSpans: [
            { spans: spans.map(([traceId, name]) => ({ traceId, spanId: "00f067aa0ba902b7", name })) },
          ],
        },
      ],
    }),
  };
}

function find(
  traceId: string,
  settings: Partial<Parameters<typeof answerTrace>[1]>,
): { readonly status: number; readonly body: unknown } {
  let answer: Answer;
  try {
    answer = answerTrace([["trace_id", traceId]], {
      records: [],
      nowMs: () => 0,
      isCancelled: () => false,
      ...settings,
    });
  } catch (error) {
    answer = failureOf(error);
  }
  return { status: answer.statusCode, body: JSON.parse(answer.body) as unknown };
}

const records = [
  record("gateway", [wanted, "GET /"], [other, "GET /other"]),
  record("checkout", [other, "POST /other"]),
  record("payments", [wanted, "POST /charges"]),
];

test("a trace is gathered from all records that hold spans of it, with their resources and without other traces' spans", () => {
  const { status, body } = find(wanted.toUpperCase(), { records });
  expect(status).toBe(200);
  const { resourceSpans } = (body as { result: { resourceSpans: object[] } }).result;
  expect(resourceSpans).toMatchObject([
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "gateway" } }] },
      scopeSpans: [{ spans: [{ traceId: wanted, name: "GET /" }] }],
    },
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "payments" } }] },
      scopeSpans: [{ spans: [{ traceId: wanted, name: "POST /charges" }] }],
    },
  ]);
  expect(JSON.stringify(body)).not.toContain(other);
});

test("a trace that the journal does not hold is not found", () => {
  expect(find("f".repeat(32), { records })).toEqual({
    status: 404,
    body: {
      status: "error",
      errorType: "not_found",
      error: `the journal holds no span of trace ${"f".repeat(32)}; its segments may be deleted already`,
    },
  });
});

test.each(["", "12", "g".repeat(32), `${wanted}0`])("%o is no trace id", (traceId) => {
  expect(find(traceId, { records })).toMatchObject({ status: 400, body: { errorType: "bad_data" } });
});

test("the search ends after five seconds, and when the client left", () => {
  let clockMs = 0;
  let read = 0;
  function* endless() {
    for (;;) {
      read += 1;
      yield records[1]!;
    }
  }
  const nowMs = () => (clockMs += 100);
  expect(find(wanted, { records: endless(), nowMs })).toMatchObject({
    status: 503,
    body: { errorType: "timeout" },
  });
  expect(read).toBeLessThan(60);
  expect(find(wanted, { records: endless(), isCancelled: () => true })).toMatchObject({
    status: 499,
    body: { errorType: "canceled" },
  });
});
