// deploy/compose as an operator starts it, with stock clients that know nothing but nginx's address.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect } from "../support/clients.mjs";
import { compose, eventually, FOLDER, required } from "./docker.mjs";

const URL_OF = {
  gateway: `http://127.0.0.1:${required("PORT")}`,
  prometheus: `http://127.0.0.1:${required("PROMETHEUS_PORT")}`,
  grafana: `http://127.0.0.1:${required("GRAFANA_PORT")}`,
};
const NODES = ["gateway-1", "gateway-2"];
const ORG = "acme";

const clients = [];
after(() => clients.forEach((client) => client.close()));

/** Everything that was started, with what it does. */
const services = async () =>
  (await compose("ps", "--all", "--format", "json")).split("\n").map((line) => JSON.parse(line));

/** What the gateway's program says in a node's container. */
const inside = (...command) => compose("exec", "--no-TTY", "gateway-1", "switchboard", ...command);

/** A token as the installation page has it made. */
const token = (user) => inside("token", "--sub", user, "--org", ORG);

async function arrive(user, options) {
  const client = await connect({ url: URL_OF.gateway, token: await token(user), ...options });
  clients.push(client);
  client.user = user;
  return client;
}

const transport = (client) => client.socket.io.engine.transport.name;

/** Some clients of each kind, by the ways that a client comes by itself. */
async function everybody() {
  const people = [];
  for (const number of [1, 2, 3]) people.push(await arrive(`default-${number}`), await arrive(`polling-${number}`, { transports: ["polling"] }));
  await eventually("the upgrade to WebSocket", () => people.filter(({ user }) => user.startsWith("default")).every((one) => transport(one) === "websocket"));
  assert.ok(people.filter(({ user }) => user.startsWith("polling")).every((one) => transport(one) === "polling"));
  return people;
}

/** Everybody says something that all others hear. */
async function talk(people, conversationId) {
  for (const speaker of people) {
    const content = `${speaker.user} says hello`;
    await speaker.ok("message:send", { conversationId, content });
    const others = people.filter((person) => person !== speaker);
    await Promise.all(others.map((person) => person.next("message:new", ({ message }) => message.content === content)));
  }
}

async function ask(url, options) {
  const answer = await fetch(url, options);
  assert.equal(answer.status, 200, `${url}: ${answer.status}`);
  return answer.json();
}

describe("deploy/compose", () => {
  it("is healthy, with its migrations done", async () => {
    const waiting = ({ Health, State }) => State !== "exited" && Health !== "healthy";
    await eventually("all healthy", async () => !(await services()).some(waiting));
    const found = await services();
    const ended = found.filter(({ State }) => State === "exited");
    assert.deepEqual(ended.map(({ Service, ExitCode }) => [Service, ExitCode]), [["migrate", 0]]);
    assert.ok(NODES.every((node) => found.some(({ Service }) => Service === node)));
  });

  it("lets clients talk through nginx across both nodes, upgraded or by polling alone", async () => {
    const people = await everybody();
    assert.deepEqual([...new Set(people.map(({ session }) => session.nodeId))].sort(), NODES);
    const participantIds = people.slice(1).map(({ user }) => user);
    const { conversation } = await people[0].ok("conversation:create", { kind: "group", participantIds });
    for (const person of people.slice(1)) await person.next("conversation:created");
    await talk(people, conversation.id);
  });

  it("is upgraded as its page says: clients go on at the other node, and nginx finds the new one", async () => {
    assert.match(await compose("run", "--rm", "--no-TTY", "migrate"), /up to date/);
    const lasting = await arrive("lasting", { options: { reconnection: true } });
    const [node, other] = lasting.session.nodeId === NODES[0] ? NODES : [...NODES].reverse();
    await compose("stop", node);
    assert.equal((await services()).find(({ Service }) => Service === node).ExitCode, 0);
    await eventually(`at ${other}`, () => lasting.collected("session:ready").at(-1).nodeId === other);
    await compose("up", "--detach", "--no-deps", "--wait", "--force-recreate", node);
    await eventually(`nginx uses ${node} again`, async () => {
      const client = await connect({ url: URL_OF.gateway, token: await token("back") });
      client.close();
      return client.session.nodeId === node;
    });
  });

  it("is in order for `doctor`, and keeps every promise that `verify` judges", async () => {
    const { checks } = JSON.parse(await inside("doctor", "--json"));
    assert.deepEqual(checks.filter(({ status }) => status === "fail"), []);
    for (const node of NODES) assert.equal(checks.find(({ check }) => check === `peer ${node}`)?.status, "ok", node);
    await inside("verify", "--url", "http://nginx:8080", "--secret-file", "/run/secrets/auth_secret", "--duration", "10s", "--quiet");
  });

  it("has both nodes and all rules in Prometheus", async () => {
    await eventually("both nodes are up", async () => {
      const { data } = await ask(`${URL_OF.prometheus}/api/v1/query?query=up`);
      const up = data.result.filter(({ value }) => value[1] === "1").map(({ metric }) => metric.instance);
      return up.sort().join() === NODES.map((node) => `${node}:9090`).join();
    });
    const { data } = await ask(`${URL_OF.prometheus}/api/v1/rules`);
    const rules = data.groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 20, `${rules.length} rules`);
    await eventually("the rules are evaluated", async () => {
      const now = (await ask(`${URL_OF.prometheus}/api/v1/rules`)).data.groups.flatMap((group) => group.rules);
      return now.every(({ health }) => health === "ok");
    });
  });

  it("has its dashboards in Grafana", { skip: process.env.WITHOUT_GRAFANA && "started without Grafana" }, async () => {
    const password = (await readFile(join(FOLDER, "secrets/grafana_password"), "utf8")).trim();
    const headers = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString("base64")}` };
    const folder = join(FOLDER, "../../helm/switchboard/files/dashboards");
    const shipped = await Promise.all((await readdir(folder)).map(async (file) => JSON.parse(await readFile(join(folder, file), "utf8")).title));
    const found = await ask(`${URL_OF.grafana}/api/search?type=dash-db`, { headers });
    assert.deepEqual(found.map(({ title }) => title).sort(), shipped.sort());
    const health = await ask(`${URL_OF.grafana}/api/datasources/uid/prometheus/health`, { headers });
    assert.equal(health.status, "OK");
  });
});
