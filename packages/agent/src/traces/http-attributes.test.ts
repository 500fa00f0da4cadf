import { expect, test } from "vitest";
import { errorType, knownMethod, spanName, splitHost, splitTarget } from "./http-attributes.ts";

test("methods that nobody knows are one", () => {
  expect(["GET", "QUERY", "get", "BREW", ""].map(knownMethod)).toEqual([
    "GET",
    "QUERY",
    "_OTHER",
    "_OTHER",
    "_OTHER",
  ]);
});

test("a span is named by method and route", () => {
  expect(spanName("GET")).toBe("GET");
  expect(spanName("GET", "/a/:id")).toBe("GET /a/:id");
  expect(spanName("_OTHER", "/a")).toBe("HTTP /a");
});

test("a target is a path with a query, an absolute address, or a star", () => {
  const check = (target: string, path: string, query: string) =>
    expect(splitTarget(target)).toEqual({ path, query });
  check("/a/b", "/a/b", "");
  check("/a?b=1?2", "/a", "b=1?2");
  check("http://h:1/a?b", "/a", "b");
  check("http://h", "/", "");
  check("*", "*", "");
});

test("a host has a name and sometimes a port", () => {
  const check = (host: string, address: string, port: number | undefined) =>
    expect(splitHost(host)).toEqual({ address, port });
  check("h", "h", undefined);
  check("h:80", "h", 80);
  check("[::1]:8080", "::1", 8080);
  check("[::1]", "::1", undefined);
  check("h:", "h", undefined);
  check("h:x", "h", undefined);
});

test("an error's type is its code, its cause's code, or its class", () => {
  expect(errorType(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
  expect(errorType(new TypeError("fetch failed", { cause: { code: "UND_ERR_SOCKET" } }))).toBe(
    "UND_ERR_SOCKET",
  );
  expect(errorType(new RangeError("x"))).toBe("RangeError");
  expect(errorType("text")).toBe("_OTHER");
});
