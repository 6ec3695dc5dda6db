// `npm test`: the Socket.IO runtime by itself, then every test against a cluster, then against the
// embedded default, then the playground.
//
// It only chooses files and sets variables; each file also runs by itself with `node --test FILE`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Cluster } from "./cluster.mjs";
import { startServers } from "./servers.mjs";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

/** Runs `node --test` on files; true if all passed. */
async function pass(files, env) {
  const options = { cwd: FOLDER, env: { ...process.env, ...env }, stdio: "inherit" };
  const [code] = await once(spawn(process.execPath, ["--test", ...files], options), "exit");
  return code === 0;
}

/** Tests that are about clusters alone. */
const ofClusters = ["kill-node.test.mjs", "forwarding.test.mjs", "degraded.test.mjs", "chaos.test.mjs", "unpublished.test.mjs", "documents.test.mjs", "dashboards.test.mjs", "doctor.test.mjs", "traces.test.mjs"];

/** The tests of the socket door: all files but the browser's. */
async function socketTests(mode) {
  const isElsewhere = (name) => name.startsWith("playground") || (mode !== "cluster" && ofClusters.includes(name));
  const isTest = (name) => name.endsWith(".test.mjs") && !isElsewhere(name);
  const here = (await readdir(FOLDER)).filter(isTest);
  const contract = (await readdir(`${FOLDER}contract`)).filter(isTest).map((name) => `contract/${name}`);
  return [...contract.sort(), ...here.sort()];
}

async function playground() {
  if (process.env.SWITCHBOARD_E2E_URL) return pass(["playground.test.mjs"], {});
  const cluster = await Cluster.start("playground", { mode: "embedded" });
  try {
    const passed = await pass(["playground.test.mjs"], { SWITCHBOARD_E2E_URL: cluster.nodes[0].url });
    cluster.failed = !passed;
    return passed;
  } finally {
    await cluster.stop();
  }
}

/** The tests of the runtime, which need neither a gateway nor its servers. */
async function runtimeTests() {
  const names = await readdir(`${FOLDER}runtime`);
  return names.filter((name) => name.endsWith(".test.mjs")).sort().map((name) => `runtime/${name}`);
}

const failed = [];
console.log("\n--- end to end, runtime");
if (!(await pass(await runtimeTests(), {}))) failed.push("runtime");
const servers = await startServers();
try {
  for (const mode of ["cluster", "embedded"]) {
    console.log(`\n--- end to end, ${mode}`);
    if (!(await pass(await socketTests(mode), { ...servers.env, SWITCHBOARD_E2E_MODE: mode }))) failed.push(mode);
  }
} finally {
  await servers.stop();
}
console.log("\n--- end to end, playground");
if (!(await playground())) failed.push("playground");
console.log(failed.length ? `\nend to end: FAILED: ${failed.join(", ")}` : "\nend to end: everything passed");
process.exitCode = failed.length ? 1 : 0;
