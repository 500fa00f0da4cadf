import { expect, test } from "vitest";
import { adjustedCount } from "./adjusted-count.ts";

test("a span stands for as many as its rejection threshold says, and for itself without a valid one", () => {
  const check = (tracestate: string, expected: number) => {
    const bytes = new Uint8Array(Buffer.from(`xx${tracestate}xx`));
    expect([tracestate, adjustedCount(bytes, 2, bytes.length - 2)]).toEqual([tracestate, expected]);
  };
  check("", 1);
  check("ot=th:0", 1);
  check("ot=th:8", 2);
  check("ot=th:c", 4);
  check("ot=th:c;rv:abcdef12345678", 4);
  check("ot=rv:abcdef12345678;th:c ", 4);
  check("vendor=th:8, ot=th:c,other=1", 4);
  check("foot=th:8", 1);
  check("ot=th:fd70a3d70a3d7", 2 ** 56 / (2 ** 56 - 0xfd70a3d70a3d70));
  check("ot=th:", 1);
  check("ot=th:g", 1);
  check("ot=th:C", 1);
  check("ot=th:123456789abcdef", 1);
  check("ot=p:8", 1);
  check("ot=th", 1);
  check(",,ot=th:8", 2);
});
