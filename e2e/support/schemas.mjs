// What goes over the socket, judged by the schemas that are written from the gateway's code: every event
// and every answer that a test's client gets.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const schemas = JSON.parse(readFileSync(new URL("../../docs/api/schemas.json", import.meta.url)));
const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
addFormats(ajv);
// What schemars says of the width of a number.
for (const format of ["int64", "uint64", "int32", "uint32", "uint", "double"]) ajv.addFormat(format, true);

/**
 * Fields that nobody promised would be found out by front ends, not by tests. What all schemas share is compiled
 * once, under a name of its own.
 */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  if (inside.$ref) inside.$ref = inside.$ref.replace(/^#/, "types#");
  const isOpen = inside.type !== "object" || !inside.properties || "additionalProperties" in inside;
  return isOpen ? inside : { ...inside, additionalProperties: false };
}

ajv.addSchema({ $id: "types", $defs: closed(schemas.$defs) });
const compiled = new Map();

function judge(key, schema, value, what) {
  if (!compiled.has(key)) compiled.set(key, ajv.compile(closed(schema)));
  const validate = compiled.get(key);
  if (validate(value)) return undefined;
  const mistakes = validate.errors.map(({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`);
  return new Error(`${what} is not as its schema says: ${mistakes.join("; ")}: ${JSON.stringify(value).slice(0, 500)}`);
}

/** All client events that there are, and their other names. */
export const clientEvents = schemas.clientEvents;
/** All server events that there are. */
export const serverEvents = schemas.serverEvents;

const byName = new Map(
  Object.entries(clientEvents).flatMap(([name, event]) => [name, ...event.aliases].map((one) => [one, { name, ...event }])),
);

/** What is wrong with an event that came; undefined when nothing is, or it is none of the gateway's own. */
export function wrongEvent(name, payload) {
  const event = serverEvents[name];
  return event && judge(`event ${name}`, event.payload, payload, name);
}

/** What is wrong with the answer of a call; undefined when nothing is. */
export function wrongAnswer(name, answer) {
  const event = byName.get(name);
  const keys = Object.keys(answer ?? {}).sort().join();
  if (answer?.ok === true && keys === "data,ok") return event && judge(`answer ${event.name}`, event.answer, answer.data, `the answer of ${name}`);
  if (answer?.ok === false && keys === "error,ok") return judge("error", schemas.error, answer.error, `the error of ${name}`);
  return new Error(`the answer of ${name} is no envelope: ${JSON.stringify(answer)?.slice(0, 500)}`);
}
