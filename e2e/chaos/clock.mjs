// A wall clock of one node's own, by libfaketime. What it measures spans of time with goes on as ever: that is what
// happens when somebody sets a machine's clock.
import { existsSync, readdirSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** It looks at its file once a second: more often would cost each look at the clock 20 µs. */
const LOOKS_EVERY_S = "1";

export class Clock {
  static async start(folder) {
    const clock = new Clock(join(folder, "clock"));
    await clock.set(0);
    return clock;
  }

  constructor(file) {
    this.file = file;
    /** What a process needs to go by this clock. */
    this.env = {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: LOOKS_EVERY_S,
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
  }

  /** Puts it this many hours ahead of the true time, which is seen a second later at most. */
  async set(hours) {
    this.hours = hours;
    const written = `${this.file}.new`;
    await writeFile(written, `${hours < 0 ? "" : "+"}${hours}h\n`);
    await rename(written, this.file);
  }

  /** What it shows, in ms. */
  now() {
    return Date.now() + this.hours * 3_600_000;
  }
}

/** Debian has it in a folder that is named after the machine's kind. */
function library() {
  const found = readdirSync("/usr/lib").map((kind) => `/usr/lib/${kind}/faketime/libfaketimeMT.so.1`).find(existsSync);
  if (!found) throw new Error("libfaketime is missing: apt-get install libfaketime");
  return found;
}
