const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function clockTime(iso: string): string {
  return clock.format(new Date(iso));
}

/** For a list: the time if it was today, otherwise the day. */
export function when(iso: string): string {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : shortDay.format(date);
}

export function dayName(iso: string): string {
  const date = new Date(iso);
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return "Today";
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  return date.toDateString() === yesterday.toDateString() ? "Yesterday" : day.format(date);
}

/** `alice`, `alice and bob`, `alice, bob and 2 more`. */
export function names(users: readonly string[]): string {
  const [first = "", second = ""] = users;
  if (users.length <= 1) return first;
  if (users.length === 2) return `${first} and ${second}`;
  return `${first}, ${second} and ${users.length - 2} more`;
}

export function seconds(ms: number): string {
  const whole = Math.ceil(ms / 1000);
  return whole < 120 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
