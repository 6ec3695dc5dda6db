// Writes index.d.ts from docs/api/schemas.json, which is written from the code of the gateway.
// `--check` only says whether it is up to date.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const schemas = JSON.parse(await readFile(new URL("../../docs/api/schemas.json", import.meta.url)));
const target = new URL("index.d.ts", import.meta.url);

/** `message:send` → `MessageSend`. */
const typeName = (event) => event.split(/[^a-z]/i).map((word) => word[0].toUpperCase() + word.slice(1)).join("");

/** Unknown fields are ignored, and later versions add some; a type that allowed all would hide mistakes. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  // Limits would become tuples of every length; `format` and `pattern` say nothing to TypeScript.
  for (const limit of ["minItems", "maxItems", "format", "pattern"]) delete inside[limit];
  if (schema.type === "object" && schema.properties && schema.additionalProperties === undefined) inside.additionalProperties = false;
  return inside;
}

const { clientEvents, serverEvents, error, $defs } = closed(schemas);
const payloads = Object.fromEntries(Object.entries(clientEvents).map(([name, event]) => [`${typeName(name)}Payload`, { description: `Payload of \`${name}\`.`, ...event.payload }]));

const comment = (text, indent) => `${indent}/** ${text.trim().replace(/\n/g, `\n${indent} * `)} */\n`;
const named = (schema) => schema.$ref?.split("/").at(-1) ?? "unknown";

const bundle = {
  title: "Everything",
  type: "object",
  properties: Object.fromEntries([...Object.keys($defs), ...Object.keys(payloads)].map((name) => [name, { $ref: `#/$defs/${name}` }])),
  additionalProperties: false,
  $defs: { ...$defs, ...payloads },
};
const everything = await compile(bundle, "Everything", { bannerComment: "", additionalProperties: false, declareExternallyReferenced: true, style: { printWidth: 120 } });
// The bundle itself is of no use to anybody.
const types = everything.replace(/export interface Everything \{[\s\S]*?\n\}\n/, "");

/** Answers that one may do without. Only where the ack must be given can socket.io-client tell what `emitWithAck` promises. */
const spare = ["Nothing", "DeliveredUpTo", "ReadUpTo"];
const calls = Object.entries(clientEvents).map(([name, event]) => {
  const answer = named(event.answer);
  const ack = `ack${spare.includes(answer) ? "?" : ""}: Ack<${answer}>`;
  return `${comment(event.description, "  ")}  "${name}": (payload: ${typeName(name)}Payload, ${ack}) => void;\n`;
});
const events = Object.entries(serverEvents).map(
  ([name, event]) => `${comment(`${event.description} (${event.class})`, "  ")}  "${name}": (payload: ${named(event.payload)}) => void;\n`,
);

const text = `// Generated from docs/api/schemas.json by generate.mjs; do not edit.

${types.trim()}

/** What an ack callback gets. */
export type Answer<Data> = { ok: true; data: Data } | { ok: false; error: ${named(error)} };

/** Takes an answer. With \`emitWithAck\` the promise is of the answer. */
export type Ack<Data> = (answer: Answer<Data>) => void;

/** What a front end sends, in the namespace \`/\`. */
export interface ClientToServerEvents {
${calls.join("")}}

/** What a front end gets, in the namespace \`/\`. */
export interface ServerToClientEvents {
${events.join("")}}
`;

if (process.argv.includes("--check")) {
  const there = await readFile(target, "utf8").catch(() => "");
  if (there !== text) {
    console.error("web/types/index.d.ts is stale: run `make docs-reference`");
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
