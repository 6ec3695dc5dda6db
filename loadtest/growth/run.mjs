// `make growth`: how what the gateway costs grows with connections, rooms, members, nodes and organizations. See docs/growth.md.
//
// Needs SWITCHBOARD_BIN and SWITCHBOARD_LOAD_BIN, release builds, unless they are where cargo puts them.
import { fileURLToPath } from "node:url";
import { OptionError, readOptions, USAGE } from "./options.mjs";

const OUT = fileURLToPath(new URL("out", import.meta.url));

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  if (options.check) return undefined;
  // Only now, so that wrong options are told before anything is installed.
  const { grow } = await import("./growth.mjs");
  process.exitCode = (await grow(options, options.out ?? OUT)) ? 0 : 1;
}

try {
  await main();
} catch (error) {
  const misused = error instanceof OptionError;
  console.error(misused ? `growth: ${error.message}\n\n${USAGE}` : error);
  process.exitCode = misused ? 2 : 1;
}
