import assert from "node:assert/strict";
import { test } from "node:test";
import { environment, python, target } from "../src/logic/receiver.ts";

const http = (address: string) => [
  { protocol: "grpc", address: "127.0.0.1:4317" },
  { protocol: "http", address },
];

test("the receiver's own port, and the page's host where it listens on every address", () => {
  assert.equal(target(http("127.0.0.1:54321"), "127.0.0.1").url, "http://127.0.0.1:54321");
  assert.equal(target(http("0.0.0.0:4318"), "obs.example").url, "http://obs.example:4318");
  assert.equal(target(http("[::]:9"), "[::1]").url, "http://[::1]:9");
  assert.equal(target(http("10.0.0.7:4318"), "obs.example").url, "http://10.0.0.7:4318");
});

test("what cannot be known or reached is told", () => {
  assert.deepEqual(target([], "obs.example"), {
    protocol: "http",
    url: "http://obs.example:4318",
    known: false,
    elsewhere: false,
  });
  assert.equal(target(http("127.0.0.1:4318"), "obs.example").elsewhere, true);
  assert.equal(target(http("127.0.0.1:4318"), "localhost").elsewhere, false);
  assert.equal(target(http("[::1]:4318"), "[::1]").elsewhere, false);
});

test("what is to be run says address, protocol and, where one is needed, the key", () => {
  const only = target([{ protocol: "grpc", address: "127.0.0.1:4317" }], "127.0.0.1");
  assert.match(environment(only, false), /ENDPOINT=http:\/\/127.0.0.1:4317\n.*PROTOCOL=grpc$/);
  assert.match(
    environment(target(http("127.0.0.1:1"), "::1"), true),
    /http\/protobuf\n.*HEADERS="authorization=Bearer/,
  );
  assert.match(python("http://a:1", false), /endpoint="http:\/\/a:1"\)/);
  assert.match(python("http://a:1", true), /api_key=/);
});
