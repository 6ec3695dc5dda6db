import assert from "node:assert/strict";
import test from "node:test";
import { EventLog, redact } from "../src/log.ts";

test("the log keeps the last hundred events", () => {
  const log = new EventLog();
  for (let i = 1; i <= 100; i += 1) log.add("in", `event ${i}`, {});
  assert.equal(log.entries.length, 100);
  assert.equal(log.entries[0]?.name, "event 1");
  log.add("in", "event 101", {});
  assert.equal(log.entries.length, 100);
  assert.equal(log.entries[0]?.name, "event 2");
});

test("tokens are not logged, at any depth", () => {
  const logged = redact({ token: "a", data: [{ sessionToken: "b", nodeId: "n" }], none: null });
  assert.deepEqual(logged, { token: "…", data: [{ sessionToken: "…", nodeId: "n" }], none: null });
});

test("a call gets its ack", () => {
  const log = new EventLog();
  const entry = log.add("out", "message:send", { content: "hello" });
  log.acked(entry, false, { code: "RATE_LIMITED" });
  assert.equal(log.entries[0]?.ack?.ok, false);
  assert.deepEqual(log.entries[0]?.ack?.body, { code: "RATE_LIMITED" });
});
