// Two people at the playground, in a real browser, against the gateway at SWITCHBOARD_E2E_URL.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { launch, Person } from "./playground-page.mjs";

let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

/** Runs `story` with two people whom no other test knows; leaves screenshots if it fails. */
function story(title, tell) {
  test(title, async () => {
    const run = randomUUID().slice(0, 8);
    const people = [];
    try {
      for (const name of ["alice", "bob"]) people.push(await Person.open(browser, `${name}-${run}`));
      const [alice, bob] = people;
      await tell(alice, bob);
      for (const person of people) assert.deepEqual(person.errors, [], `errors in ${person.name}'s page`);
    } catch (error) {
      for (const person of people) await person.screenshot(title).catch(() => undefined);
      throw error;
    } finally {
      for (const person of people) await person.close();
    }
  });
}

/** Both signed in, with a direct conversation that both have open. */
async function bothIn(alice, bob) {
  await Promise.all([alice.signIn(), bob.signIn()]);
  const id = await alice.startDirect(bob);
  await bob.openConversation(id);
  return id;
}

story("a message arrives live, and its ticks go from delivered to read", async (alice, bob) => {
  await Promise.all([alice.signIn(), bob.signIn()]);
  const id = await alice.startDirect(bob);
  await bob.conversation(id).waitFor();
  await alice.say("hello bob");
  await alice.sees("hello bob", "delivered");
  await bob.openConversation(id);
  await bob.message("hello bob").waitFor();
  assert.equal(await bob.message("hello bob").getAttribute("data-sender"), alice.name);
  assert.equal(await bob.message("hello bob").getAttribute("data-seq"), "1");
  await alice.sees("hello bob", "read");
  await bob.say("hello alice");
  await alice.message("hello alice").waitFor();
  await bob.sees("hello alice", "read");
});

story("a message to somebody who is away is sent, and no more, until they come", async (alice, bob) => {
  await alice.signIn();
  const id = await alice.startDirect(bob);
  await alice.seesPresence(id, "offline");
  await alice.say("are you there?");
  await alice.sees("are you there?", "sent");
  await bob.signIn();
  await alice.seesPresence(id, "online");
  await bob.conversation(id).getByTestId("unread").getByText("1", { exact: true }).waitFor();
  await bob.openConversation(id);
  await bob.message("are you there?").waitFor();
  await alice.sees("are you there?", "read");
  await bob.conversation(id).getByTestId("unread").waitFor({ state: "hidden" });
});

story("messages that nobody looked at are counted, live, until their conversation is opened", async (alice, bob) => {
  await Promise.all([alice.signIn(), bob.signIn()]);
  const id = await alice.startDirect(bob);
  const unread = bob.conversation(id).getByTestId("unread");
  for (const [text, count] of [["one", "1"], ["two", "2"]]) {
    await alice.say(text);
    await unread.getByText(count, { exact: true }).waitFor();
    assert.match(await bob.page.title(), new RegExp(`^\\(${count}\\)`));
  }
  await bob.openConversation(id);
  await alice.sees("two", "read");
  await unread.waitFor({ state: "hidden" });
  await alice.say("three");
  await alice.sees("three", "read");
  assert.equal(await unread.isVisible(), false);
  assert.doesNotMatch(await bob.page.title(), /^\(/);
});

story("somebody who signs out goes offline", async (alice, bob) => {
  const id = await bothIn(alice, bob);
  await alice.seesPresence(id, "online");
  await bob.at("signout").click();
  await bob.at("signin-name").waitFor();
  await alice.seesPresence(id, "offline");
});

story("typing is shown, and goes when it stops", async (alice, bob) => {
  await bothIn(alice, bob);
  const typing = alice.at("typing").getByText(`${bob.name} is typing`);
  const gone = alice.page.locator('[data-testid="typing"]:empty');
  await bob.at("composer").pressSequentially("Well");
  await typing.waitFor();
  // Bob does nothing more: the end comes by itself.
  await gone.waitFor({ state: "attached" });
  await bob.at("composer").pressSequentially(", then");
  await typing.waitFor();
  await bob.at("composer").press("Enter");
  await alice.message("Well, then").waitFor();
  await gone.waitFor({ state: "attached" });
});

story("an edit and a deletion are seen by the other", async (alice, bob) => {
  await bothIn(alice, bob);
  await alice.say("first thought");
  await bob.message("first thought").waitFor();
  const own = alice.at("message").and(alice.page.locator('[data-seq="1"]'));
  await own.hover();
  await own.getByTestId("message-edit").click();
  await alice.at("composer").fill("second thought");
  await alice.at("composer").press("Enter");
  await bob.message("second thought").getByText("edited", { exact: true }).waitFor();
  assert.equal(await bob.message("first thought").count(), 0);
  await own.hover();
  await own.getByTestId("message-delete").click();
  await alice.at("confirm-delete").click();
  await bob.page.locator('[data-testid="message"][data-seq="1"][data-deleted]').waitFor();
  assert.equal(await bob.message("second thought").count(), 0);
});

story("markup in a message is text, not elements", async (alice, bob) => {
  await bothIn(alice, bob);
  const images = [];
  bob.page.on("request", (request) => request.resourceType() === "image" && images.push(request.url()));
  // What the gateway makes of the tag is its own affair; here it is only that no element comes of it.
  await alice.say(`look: <img src=x onerror="document.title='owned'">`);
  await alice.say("1 < 2 && a > b, R&D");
  for (const person of [alice, bob]) {
    await person.message("1 < 2 && a > b, R&D").waitFor();
    await person.page.locator('[data-testid="message"][data-seq="1"]').getByText("look:").waitFor();
    assert.equal(await person.page.locator("img").count(), 0);
    assert.doesNotMatch(await person.page.title(), /owned/);
  }
  assert.deepEqual(images, []);
});

story("the page says which node it is on", async (alice) => {
  await alice.signIn();
  assert.match(await alice.at("node-id").innerText(), /^node \S+$/);
});
