// The people of a row: a group with every role, somebody of the same organization who is not in it, and
// somebody of another organization who listens.
import assert from "node:assert/strict";
import { send } from "../../support/story.mjs";

export class World {
  static async make(scene) {
    const world = new World();
    world.scene = scene;
    const at = { owner: 0, admin: 1, member: 1, readonly: 0, outsider: 1 };
    const connect = ([name, node]) => scene.connect(name, { node, claims: name === "admin" ? { roles: ["operator"] } : {} });
    [world.owner, world.admin, world.member, world.readonly, world.outsider] = await Promise.all(Object.entries(at).map(connect));
    world.stranger = await scene.connect("stranger", { node: 1, org: `${scene.org}-other` });
    world.strangersEvents = world.stranger.events.length;
    world.group = (await scene.group(world.owner, ["admin", "member", "readonly"], { title: "Everybody" })).id;
    for (const role of ["admin", "readonly"]) {
      await world.owner.ok("conversation:set-role", { conversationId: world.group, userId: scene.id(role), role });
    }
    world.direct = (await scene.direct(world.owner, "member")).id;
    world.message = await send(world.member, world.group, "the first words");
    world.own = await send(world.owner, world.group, "the owner's words");
    // Everybody has heard of everything so far.
    for (const name of ["owner", "admin", "readonly"]) await world[name].next("message:new", ({ message }) => message.id === world.message.id);
    for (const name of ["admin", "member", "readonly"]) await world[name].next("message:new", ({ message }) => message.id === world.own.id);
    return world;
  }

  id(name) {
    return this.scene.id(name);
  }

  /** Somebody of another organization has heard nothing of all this. */
  strangerHeardNothing() {
    const failures = ["error", "validation-error", "rate-limit-exceeded", "unread:count"];
    const heard = this.stranger.events.slice(this.strangersEvents).filter(({ event }) => !failures.includes(event));
    assert.deepEqual(heard, []);
  }
}
