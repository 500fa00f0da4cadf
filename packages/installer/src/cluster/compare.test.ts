import { expect, test } from "vitest";
import { isChanged, type LiveObject } from "./compare.ts";

const entry = {
  manager: "quartet",
  operation: "Apply",
  apiVersion: "v1",
  time: "2026-01-01T00:00:00Z",
  fieldsV1: { "f:data": {} },
};
const live: LiveObject = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "x", resourceVersion: "7", generation: 1, labels: { a: "b" }, managedFields: [entry] },
  data: { key: "value", other: "thing" },
  status: { seen: 1 },
};

function changed(change: Partial<LiveObject>): boolean {
  return isChanged(live, { ...live, ...change });
}

test("the same object is unchanged, whatever its versions, times, status and order of keys", () => {
  expect(
    changed({
      metadata: {
        ...live.metadata,
        resourceVersion: "8",
        generation: 2,
        managedFields: [{ ...entry, time: "2027-01-01T00:00:00Z" }],
      },
      data: { other: "thing", key: "value" },
      status: { seen: 2 },
    }),
  ).toBe(false);
});

test("another value, label or owner of fields is a change", () => {
  expect(changed({ data: { key: "new", other: "thing" } })).toBe(true);
  expect(changed({ data: { key: "value" } })).toBe(true);
  expect(changed({ metadata: { ...live.metadata, labels: {} } })).toBe(true);
  expect(changed({ metadata: { ...live.metadata, managedFields: [] } })).toBe(true);
});

test("a controller's entry about the status is none", () => {
  const status = { ...entry, manager: "kube-controller-manager", subresource: "status" };
  expect(changed({ metadata: { ...live.metadata, managedFields: [entry, status] } })).toBe(false);
});

test("the order of a list counts", () => {
  const args = (list: readonly string[]): LiveObject => ({ ...live, spec: { args: list } });
  expect(isChanged(args(["a", "b"]), args(["b", "a"]))).toBe(true);
});
