// Charts as inline SVG. Colours are variables of the page, so that they follow its light or dark look.
import { number } from "./tables.mjs";

export const escape = (value) =>
  String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");

const WIDTH = 560;
const HEIGHT = 300;
const INNER = { left: 56, right: 30, top: 14, bottom: 44 };
/** Log axes have no zero. */
const LEAST = 0.01;

/** 1, 2 and 5 of each power of ten between the two; only the ones if that is many. */
export function ticks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const digit of [1, 2, 5]) found.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  const within = found.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  return within.length > 8 ? within.filter((tick) => /^[^1-9]*1/.test(String(tick))) : within;
}

/** From a value to a place, on a logarithmic scale with a little room at both ends. */
function scale(values, from, to) {
  const positive = values.map((value) => Math.max(value, LEAST));
  const [low, high] = [Math.min(...positive) / 1.25, Math.max(...positive) * 1.25];
  const place = (value) => from + ((Math.log(Math.max(value, LEAST)) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (to - from);
  return { place, ticks: ticks(low, high) };
}

const at = (value) => value.toFixed(1);

/**
 * Lines over a load, both axes logarithmic.
 * @param series `[{side, name, dashed, points: [{x, y, held}]}]`; what was not held is drawn hollow
 * @param limit  `{y, name}`: a line that is not to be crossed
 */
export function lineChart({ title, xName, yName, series, limit }) {
  const points = series.flatMap((one) => one.points).filter(({ y }) => Number.isFinite(y));
  if (points.length === 0) return "";
  const x = scale(points.map((point) => point.x), INNER.left, WIDTH - INNER.right);
  const y = scale([...points.map((point) => point.y), ...(limit ? [limit.y] : [])], HEIGHT - INNER.bottom, INNER.top);
  const parts = [
    ...x.ticks.map((tick) => gridX(tick, x.place(tick))),
    ...y.ticks.map((tick) => gridY(tick, y.place(tick))),
    axisName(xName, yName),
    limit && limitLine(limit, y.place(limit.y)),
    ...series.map((one) => line(one, x.place, y.place)),
  ];
  return figure(title, HEIGHT, parts.filter(Boolean), series);
}

const gridX = (tick, place) =>
  `<line class="grid" x1="${at(place)}" x2="${at(place)}" y1="${INNER.top}" y2="${HEIGHT - INNER.bottom}"/>` +
  `<text x="${at(place)}" y="${HEIGHT - INNER.bottom + 16}" text-anchor="middle">${escape(number(tick))}</text>`;

const gridY = (tick, place) =>
  `<line class="grid" x1="${INNER.left}" x2="${WIDTH - INNER.right}" y1="${at(place)}" y2="${at(place)}"/>` +
  `<text x="${INNER.left - 6}" y="${at(place + 4)}" text-anchor="end">${escape(number(tick))}</text>`;

const axisName = (xName, yName) =>
  `<text x="${(INNER.left + WIDTH - INNER.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escape(xName)}</text>` +
  `<text transform="translate(13 ${(INNER.top + HEIGHT - INNER.bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(yName)}</text>`;

const limitLine = ({ name }, place) =>
  `<line class="limit" x1="${INNER.left}" x2="${WIDTH - INNER.right}" y1="${at(place)}" y2="${at(place)}"/>` +
  `<text class="limit-name" x="${INNER.left + 5}" y="${at(place - 5)}">${escape(name)}</text>`;

function line({ side, name, dashed, points }, placeX, placeY) {
  const drawn = points.filter(({ y }) => Number.isFinite(y)).map((point) => ({ ...point, px: at(placeX(point.x)), py: at(placeY(point.y)) }));
  const path = drawn.map(({ px, py }, index) => `${index ? "L" : "M"}${px} ${py}`).join("");
  const marks = drawn.map(({ x, y, held, px, py }) => {
    const told = `${name}: ${number(y)} at ${number(x)}${held ? "" : ", too much"}`;
    return `<circle class="${held ? "" : "hollow"}" cx="${px}" cy="${py}" r="4"><title>${escape(told)}</title></circle>`;
  });
  return `<g class="series ${side}${dashed ? " dashed" : ""}"><path d="${path}"/>${marks.join("")}</g>`;
}

const BAR = { left: 110, right: 140, height: 26, gap: 12 };

/** Bars from zero, with their values behind them. `bars` are `[{side, name, value}]`. */
export function barChart({ title, unit, bars }) {
  const known = bars.filter(({ value }) => Number.isFinite(value));
  if (known.length === 0) return "";
  const most = Math.max(...known.map(({ value }) => value), Number.MIN_VALUE);
  const parts = known.map(({ side, name, value }, index) => {
    const y = 8 + index * (BAR.height + BAR.gap);
    const width = Math.max((Math.max(value, 0) / most) * (WIDTH - BAR.left - BAR.right), 1);
    const middle = y + BAR.height / 2 + 4;
    return (
      `<text x="${BAR.left - 8}" y="${middle}" text-anchor="end">${escape(name)}</text>` +
      `<rect class="${side}" x="${BAR.left}" y="${y}" width="${at(width)}" height="${BAR.height}" rx="3"/>` +
      `<text class="value" x="${at(BAR.left + width + 8)}" y="${middle}">${escape(`${number(value)} ${unit}`)}</text>`
    );
  });
  return figure(title, 8 + known.length * (BAR.height + BAR.gap), parts, []);
}

function figure(title, height, parts, series) {
  const legend = series.map(({ side, name, dashed }) => `<span class="key ${side}${dashed ? " dashed" : ""}">${escape(name)}</span>`);
  const shown = legend.length > 0 ? `<div class="legend">${legend.join("")}</div>` : "";
  return (
    `<figure><figcaption>${escape(title)}</figcaption>${shown}` +
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">${parts.join("")}</svg></figure>`
  );
}
