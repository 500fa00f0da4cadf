import { expect, test } from "vitest";
import { redactQuery, redactUrl } from "./redact.ts";

test("values of secret parameters are masked, whatever their case; others stay", () => {
  const check = (query: string, expected: string) => expect(redactQuery(query)).toBe(expected);
  check("", "");
  check("a=1&b=2", "a=1&b=2");
  check("sig=abc", "sig=REDACTED");
  check("a=1&Signature=x%3D&AWSAccessKeyId=AK&b=2", "a=1&Signature=REDACTED&AWSAccessKeyId=REDACTED&b=2");
  check(
    "X-Goog-Signature=1&x-amz-security-token=2",
    "X-Goog-Signature=REDACTED&x-amz-security-token=REDACTED",
  );
  check("token=a=b=c", "token=REDACTED");
  check("token", "token");
  check("=x&token=", "=x&token=REDACTED");
  check("mytoken=1&tokens=2", "mytoken=1&tokens=2");
});

test("user name and password are masked in addresses", () => {
  const check = (url: string, expected: string) => expect(redactUrl(url)).toBe(expected);
  check("https://ann:pw@h:8443/p?q=1", "https://REDACTED:REDACTED@h:8443/p?q=1");
  check("https://token@h/", "https://REDACTED:REDACTED@h/");
  check("http://h/users/@ann?next=a@b", "http://h/users/@ann?next=a@b");
  check("http://h/p?token=1#key=2", "http://h/p?token=REDACTED#key=2");
  check("/p?password=1", "/p?password=REDACTED");
  check("http://h", "http://h");
});
