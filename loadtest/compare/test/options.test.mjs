import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OptionError, readOptions } from "../options.mjs";

const ALL = ["chat", "fanout", "fanout-one", "connect", "idle"];

test("without options everything is measured three times, and quickly once", () => {
  const { only, rounds, quick, out } = readOptions([]);
  assert.deepEqual({ only, rounds, quick, out }, { only: ALL, rounds: 3, quick: false, out: undefined });
  assert.equal(readOptions(["--quick"]).rounds, 1);
  assert.equal(readOptions(["--quick", "--rounds", "2"]).rounds, 2);
});

test("scenarios are taken in one order, each once", () => {
  assert.deepEqual(readOptions(["--only", "idle, chat,idle"]).only, ["chat", "idle"]);
});

test("rounds are from 1 to 20", () => {
  assert.deepEqual(["1", "20"].map((rounds) => readOptions(["--rounds", rounds]).rounds), [1, 20]);
});

test("what is wrong is said", () => {
  for (const [args, words] of [
    [["--rounds", "0"], /--rounds is a whole number from 1 to 20, not "0"/],
    [["--rounds", "21"], /not "21"/],
    [["--rounds", "2.5"], /not "2.5"/],
    [["--rounds", "three"], /not "three"/],
    [["--rounds", ""], /not ""/],
    [["--rounds"], /--rounds/],
    [["--only", "chats"], /there is no scenario "chats"; there are: chat, fanout/],
    [["--only", ""], /there is no scenario ""/],
    [["--out", ""], /--out needs/],
    [["--fast"], /--fast/],
    [["--quick=yes"], /--quick/],
    [["chat"], /chat/],
  ]) {
    const refusal = (error) => error instanceof OptionError && words.test(error.message) && !error.message.includes("\n");
    assert.throws(() => readOptions(args), refusal, args.join(" "));
  }
});

test("the command ends with 2 and says how it is used, before anything is started", () => {
  const run = fileURLToPath(new URL("../run.mjs", import.meta.url));
  const { status, stderr, stdout } = spawnSync(process.execPath, [run, "--only", "x"], { encoding: "utf8" });
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^compare: --only: there is no scenario "x".*\n\nusage: make compare/);
});
