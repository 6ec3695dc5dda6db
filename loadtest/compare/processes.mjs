// Processor time of processes beside the servers, from /proc.
import { readdirSync, readFileSync } from "node:fs";

/** `USER_HZ`: the unit of /proc/PID/stat on every architecture that Linux still runs on. */
const TICKS_A_SECOND = 100;
const EVERY_MS = 250;

/** `{parent, own, ofEnded}` of a line of /proc/PID/stat (proc(5)): times are seconds, the last one that of children that ended. */
export function readStat(line) {
  // The name in parentheses may hold anything, parentheses too. What follows begins with field 3.
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const seconds = (field) => Number(fields[field - 3]) / TICKS_A_SECOND;
  return { parent: Number(fields[1]), own: seconds(14) + seconds(15), ofEnded: seconds(16) + seconds(17) };
}

function stat(pid) {
  try {
    return readStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined; // it has ended meanwhile
  }
}

/** Processor seconds of a process, of its children, and of those that it had. */
export function secondsOfTree(pid) {
  const root = stat(pid);
  if (!root) return undefined;
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(stat);
  const children = all.filter((one) => one?.parent === pid);
  return children.reduce((sum, { own }) => sum + own, root.own + root.ofEnded);
}

/** Processor seconds of the whole machine, of a text like /proc/stat; what the hypervisor took is among them. */
export function busySeconds(text) {
  const [user, nice, system, , , irq, softirq, steal] = text.split("\n")[0].trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_A_SECOND;
}

/** Looks at processes all the time, so that one can ask later what they used between two moments. */
export class Watch {
  #looks = [];
  #timer;

  /** `pids` by name. */
  constructor(pids) {
    this.pids = pids;
    this.look();
    this.#timer = setInterval(() => this.look(), EVERY_MS);
  }

  look(now = performance.now()) {
    const seconds = Object.entries(this.pids).map(([name, pid]) => [name, secondsOfTree(pid)]);
    const machine = busySeconds(readFileSync("/proc/stat", "utf8"));
    this.#looks.push({ at: now, seconds: { ...Object.fromEntries(seconds), own: secondsOfTree(process.pid), machine } });
  }

  stop() {
    clearInterval(this.#timer);
    this.look();
  }

  /** Seconds by name between two moments of `performance.now()`. */
  between(from, to) {
    const names = Object.keys(this.#looks[0].seconds);
    return Object.fromEntries(names.map((name) => [name, at(this.#looks, name, to) - at(this.#looks, name, from)]));
  }

  /** How many cores those used between the first look and the last who have nothing to do with it. */
  coresOfOthers() {
    const [first, last] = [this.#looks[0], this.#looks.at(-1)];
    const { machine, ...known } = this.between(first.at, last.at);
    const others = Object.values(known).reduce((rest, seconds) => rest - seconds, machine);
    return Math.max(0, others / ((last.at - first.at) / 1000));
  }
}

/** What was used until then, evenly between two looks. */
export function at(looks, name, moment) {
  const after = looks.findIndex((look) => look.at >= moment);
  if (after === 0) return looks[0].seconds[name];
  if (after === -1) return looks.at(-1).seconds[name];
  const [left, right] = [looks[after - 1], looks[after]];
  const share = (moment - left.at) / (right.at - left.at);
  return left.seconds[name] + share * (right.seconds[name] - left.seconds[name]);
}
