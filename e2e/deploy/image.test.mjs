// The image that the Dockerfile makes, run as strictly as it promises to bear.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { docker, eventually, IMAGE, inspect, required } from "./docker.mjs";

const MB = 1_000_000;
const DATA = "/var/lib/switchboard/data";
const STRICT = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

const left = new Set();
after(async () => {
  for (const container of left) await docker("rm", "--force", "--volumes", container);
});

/** Starts a container, which is removed in the end; its id. */
async function start(...args) {
  const container = await docker("run", "--detach", ...STRICT, ...args);
  left.add(container);
  return container;
}

/** What a file or folder of the image is, below a folder of this machine. */
async function extracted(path, look) {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-image-"));
  const container = await docker("create", IMAGE);
  try {
    await docker("cp", `${container}:${path}`, folder);
    return await look(join(folder, path.split("/").at(-1)));
  } finally {
    await docker("rm", "--volumes", container);
    await rm(folder, { recursive: true });
  }
}

const healthy = async (container) => (await inspect(container)).State.Health?.Status === "healthy";

describe("the image", () => {
  it("says what it is, and runs as nobody in particular", async () => {
    const { Config: config, Size: size } = await inspect(IMAGE);
    assert.equal(config.User, "65532:65532");
    assert.deepEqual(Object.keys(config.ExposedPorts).sort(), ["8080/tcp", "9090/tcp"]);
    const label = (name) => config.Labels[`org.opencontainers.image.${name}`];
    assert.equal(label("title"), "Switchboard");
    assert.equal(label("licenses"), "Apache-2.0 OR MIT");
    assert.equal(label("revision"), required("COMMIT"));
    const version = await docker("run", "--rm", ...STRICT, IMAGE, "version");
    assert.ok(version.includes(label("version")) && version.includes(required("COMMIT").slice(0, 7)), version);
    console.log(`size: ${Math.round(size / MB)} MB`);
    assert.ok(size < 150 * MB, `${size} bytes`);
  });

  it("has no shell", async () => {
    await assert.rejects(docker("run", "--rm", "--entrypoint", "/bin/sh", IMAGE, "-c", "true"), /no such file/);
  });

  it("has the licences of all that is in it", async () => {
    const files = await extracted("/usr/share/doc/switchboard", async (folder) => {
      assert.deepEqual((await readdir(folder)).sort(), ["LICENSE-APACHE", "LICENSE-MIT", "third-party.txt"]);
      return (await readFile(join(folder, "third-party.txt"), "utf8")).trim().split("\n");
    });
    assert.ok(files.length > 200, `${files.length} crates`);
    for (const crate of ["tokio", "sqlx", "fred", "axum"]) assert.ok(files.some((line) => line.startsWith(`${crate} v`)), crate);
    assert.deepEqual(files.filter((line) => !/: .+$/.test(line)), []);
  });

  it("starts with nothing configured, writes below its volume alone, is healthy and answers /readyz", async () => {
    const container = await start("--volume", DATA, "--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::9090",
      "--env", "SWITCHBOARD__HTTP__LISTEN=0.0.0.0:8080", "--env", "SWITCHBOARD__ADMIN__LISTEN=0.0.0.0:9090", IMAGE);
    await eventually("healthy", () => healthy(container));
    const admin = (await docker("port", container, "9090")).split("\n")[0];
    assert.equal((await fetch(`http://${admin}/readyz`)).status, 200);
    await docker("stop", "--time", "60", container);
    assert.equal((await inspect(container)).State.ExitCode, 0);
  });

  it("is unhealthy while it cannot reach its database", async () => {
    const container = await start("--volume", DATA, "--health-start-period", "1s", "--health-interval", "1s", "--health-retries", "1",
      "--env", "SWITCHBOARD__DATABASE__URL=postgres://nobody@127.0.0.1:1/nothing", IMAGE);
    await eventually("unhealthy, or ended", async () => {
      const { State: state } = await inspect(container);
      return state.Health?.Status === "unhealthy" || (state.Status === "exited" && state.ExitCode !== 0);
    });
  });
});
