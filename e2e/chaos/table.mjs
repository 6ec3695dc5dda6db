// The table of what was measured: one line for each scenario.
const ms = (value) => (value === undefined ? "" : `${Math.round(value)} ms`);
const number = (value) => (value === undefined ? "" : value.toLocaleString("en"));

const COLUMNS = [
  ["scenario", 16, ({ scenario }) => scenario],
  ["fault", 40, ({ fault }) => fault],
  ["kept", 6, ({ failure }) => (failure ? "BROKEN" : "yes")],
  ["deliveries", 10, ({ deliveries }) => number(deliveries)],
  ["read back", 9, ({ readBack }) => number(readBack)],
  ["acked", 7, ({ acked }) => number(acked)],
  ["available", 9, ({ availability }) => (availability === undefined ? "" : `${(availability * 100).toFixed(3)} %`)],
  ["no ack for", 10, ({ silenceMs }) => ms(silenceMs)],
  ["cut", 6, ({ disconnects }) => number(disconnects)],
  ["recovered", 9, ({ recovered }) => number(recovered)],
  ["away p99", 8, ({ offlineP99Ms }) => ms(offlineP99Ms)],
  ["other node p99", 14, ({ otherNodeP99Ms }) => ms(otherNodeP99Ms)],
];

export function heading() {
  const names = COLUMNS.map(([name, width]) => name.padEnd(width)).join("  ");
  return `${names}\n${COLUMNS.map(([, width]) => "-".repeat(width)).join("  ")}`;
}

/** A scenario's line. */
export function line(row) {
  return COLUMNS.map(([, width, cell]) => cell(row).padEnd(width)).join("  ").trimEnd();
}
