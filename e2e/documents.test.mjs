// The documents for front-end developers are what their formats ask for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import specs from "@asyncapi/specs";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { clientEvents, serverEvents } from "./support/schemas.mjs";

const asyncapi = JSON.parse(readFileSync(new URL("../docs/api/asyncapi.json", import.meta.url)));

test("the AsyncAPI document is one of version 3.0", () => {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  addFormats(ajv);
  const validate = ajv.compile(specs.schemasWithoutId?.["3.0.0"] ?? specs.schemas["3.0.0"]);
  assert.ok(validate(asyncapi), JSON.stringify(validate.errors?.slice(0, 5)));
});

test("every reference in the AsyncAPI document leads somewhere", () => {
  const find = (path) => path.slice(2).split("/").reduce((at, key) => at?.[key], asyncapi);
  const look = (value) => {
    if (typeof value !== "object" || value === null) return;
    if (typeof value.$ref === "string") assert.ok(find(value.$ref), value.$ref);
    Object.values(value).forEach(look);
  };
  look(asyncapi);
});

test("the AsyncAPI document has every event", () => {
  const names = (action) => Object.entries(asyncapi.operations).filter(([, { action: one }]) => one === action).length;
  assert.equal(names("receive"), Object.keys(clientEvents).length);
  assert.equal(names("send"), Object.keys(serverEvents).length);
});
