// One person at the playground, in a browser context of their own.
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const ARTIFACTS = new URL("artifacts/", import.meta.url);

export function gatewayUrl() {
  const url = process.env.SWITCHBOARD_E2E_URL;
  if (!url) throw new Error("set SWITCHBOARD_E2E_URL to the address of a running gateway");
  return url;
}

/** A browser with a fresh profile. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
}

export class Person {
  /** Opens the page; `name` is the user that `signIn` signs in as. */
  static async open(browser, name) {
    const context = await browser.newContext({ reducedMotion: "reduce" });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const person = new Person(name, page);
    page.on("pageerror", (error) => person.errors.push(error));
    await page.goto(gatewayUrl());
    return person;
  }

  constructor(name, page) {
    this.name = name;
    this.page = page;
    /** What went wrong in the page's own code. */
    this.errors = [];
  }

  at(testid) {
    return this.page.getByTestId(testid);
  }

  async signIn() {
    await this.at("signin-name").fill(this.name);
    await this.at("signin-org").fill("acme");
    await this.at("signin-submit").click();
    await this.page.locator('[data-testid="connection-state"][data-state="connected"]').waitFor();
  }

  /** Starts a direct conversation with `other` and opens it; returns its id. */
  async startDirect(other) {
    await this.at("new-conversation").click();
    await this.at("new-kind-direct").check();
    await this.at("new-participants").fill(other.name);
    await this.at("new-create").click();
    const item = this.page.locator('[data-testid="conversation-item"][aria-current="true"]');
    await this.at("composer").waitFor();
    return item.getAttribute("data-conversation-id");
  }

  conversation(id) {
    return this.page.locator(`[data-testid="conversation-item"][data-conversation-id="${id}"]`);
  }

  async openConversation(id) {
    await this.conversation(id).click();
    await this.at("composer").waitFor();
  }

  async say(text) {
    await this.at("composer").fill(text);
    await this.at("composer").press("Enter");
  }

  /** The message with this text, in the open conversation. */
  message(text) {
    const content = this.page.getByTestId("message-content").getByText(text, { exact: true });
    return this.at("message").filter({ has: content });
  }

  /** Waits until the message with this text is `sent`, `delivered` or `read`. */
  async sees(text, state) {
    await this.page
      .locator(`[data-testid="message"][data-state="${state}"]`)
      .filter({ hasText: text })
      .waitFor();
  }

  /** Waits until the other party's dot in the list shows `status`. */
  async seesPresence(id, status) {
    const dot = `[data-testid="presence-dot"][data-status="${status}"]`;
    await this.conversation(id).locator(dot).waitFor();
  }

  async screenshot(title) {
    await mkdir(ARTIFACTS, { recursive: true });
    const file = `${title.replaceAll(/\W+/g, "-")}-${this.name}.png`;
    await this.page.screenshot({ path: new URL(file, ARTIFACTS).pathname });
  }

  async close() {
    await this.page.context().close();
  }
}
