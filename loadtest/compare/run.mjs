// `make compare`: measures the gateway, the same work in Node.js and a bare runtime alternately, and writes one report. See docs/loadtest.md.
//
// Needs SWITCHBOARD_BIN, SWITCHBOARD_LOAD_BIN and SOCKETIOXIDE_BIN, release builds, unless they are where cargo puts them.
import { fileURLToPath } from "node:url";
import { OptionError, readOptions, USAGE } from "./options.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  if (options.check) return undefined;
  // Only now, so that wrong options are told before anything is installed.
  const { compare } = await import("./comparison.mjs");
  process.exitCode = (await compare(options, options.out ?? OUT)) ? 0 : 1;
}

try {
  await main();
} catch (error) {
  const misused = error instanceof OptionError;
  console.error(misused ? `compare: ${error.message}\n\n${USAGE}` : error);
  process.exitCode = misused ? 2 : 1;
}
