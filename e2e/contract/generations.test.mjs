// Three generations of stock clients, over each transport, talk to each other.
import assert from "node:assert/strict";
import { hears, send, stories } from "../support/story.mjs";

const TRANSPORTS = {
  "polling, then WebSocket": undefined,
  "polling only": ["polling"],
  "WebSocket only": ["websocket"],
};

stories("generations", {}, (story) => {
  for (const [title, transports] of Object.entries(TRANSPORTS)) {
    story(`socket.io-client 2, 3 and 4 talk to each other: ${title}`, async (scene) => {
      const names = ["c2", "c3", "c4", "c2", "c3", "c4"];
      const people = await Promise.all(
        names.map((client, n) => scene.connect(`${client}-${n}`, { node: n < 3 ? 0 : 1, client, transports })),
      );
      const group = await scene.group(people[0], names.slice(1).map((client, n) => `${client}-${n + 1}`));
      await Promise.all(people.slice(1).map((one) => one.next("conversation:created")));
      for (const person of people) {
        const content = `hello from ${person.user} 👋🏽`;
        const message = await send(person, group.id, content);
        const others = people.filter((one) => one !== person);
        for (const other of others) assert.deepEqual(await hears(other, content), message);
      }
      for (const person of people) {
        assert.equal(person.collected("message:new").length, people.length - 1);
        await person.refused("VALIDATION_FAILED", "message:send", {});
        await person.next("validation-error");
        if (transports) assert.equal(person.socket.io.engine.transport.name, transports[0]);
      }
    });
  }

  story("a default client ends up on WebSocket, with nothing lost on the way", async (scene) => {
    for (const client of ["c2", "c3", "c4"]) {
      const [alice, bob] = await Promise.all([
        scene.connect(`${client}-alice`, { client }),
        scene.connect(`${client}-bob`, { client, node: 1 }),
      ]);
      const { id } = await scene.direct(alice, `${client}-bob`);
      const seqs = [];
      for (let n = 0; n < 30; n += 1) seqs.push((await send(alice, id, `${n}`)).seq);
      await hears(bob, "29");
      assert.deepEqual(bob.collected("message:new").map(({ message }) => message.seq), seqs);
      for (const { socket } of [alice, bob]) assert.equal(socket.io.engine.transport.name, "websocket", client);
    }
  });

  story("who reconnects by itself is in its rooms again", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    for (const client of ["c2", "c3", "c4"]) {
      const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
      const bob = await scene.connect("bob", { client, node: 1, options });
      bob.drop();
      const again = await comesBack(bob);
      assert.ok(again.rooms.includes(conversationId), client);
      await send(alice, conversationId, `hello ${client}`);
      await bob.until(
        () => bob.collected("message:new").some(({ message }) => message.content === `hello ${client}`),
        () => "the message",
      );
      bob.close();
    }
  });
});

/** Waits for the second `session:ready`; returns its data. */
async function comesBack(client) {
  const patience = Date.now() + 10_000;
  while (client.collected("session:ready").length < 2) {
    assert.ok(Date.now() < patience, "it did not come back");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client.disconnected = undefined;
  return client.collected("session:ready")[1];
}
