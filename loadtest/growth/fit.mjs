// Straight lines through what was measured.

/** `{a, b, r2}` of y = a + b·x, by least squares; `r2` is the share of the differences that the line explains. */
export function line(points) {
  const n = points.length;
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / n;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const sum = (of) => points.reduce((total, point) => total + of(point), 0);
  const b = sum(([x, y]) => (x - mx) * (y - my)) / sum(([x]) => (x - mx) ** 2);
  const a = my - b * mx;
  const spread = sum(([, y]) => (y - my) ** 2);
  return { a, b, r2: spread === 0 ? 1 : 1 - sum(([x, y]) => (y - a - b * x) ** 2) / spread };
}
