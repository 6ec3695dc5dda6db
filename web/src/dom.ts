/** Building the page. Text goes in as text nodes only: nothing that a user wrote is ever parsed as HTML. */

type Child = Node | string | null;

export interface Props {
  class?: string;
  testid?: string;
  attrs?: Record<string, string>;
  on?: Record<string, (event: Event) => void>;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props.class) element.className = props.class;
  if (props.testid) element.dataset["testid"] = props.testid;
  for (const [name, value] of Object.entries(props.attrs ?? {})) element.setAttribute(name, value);
  for (const [name, handler] of Object.entries(props.on ?? {})) element.addEventListener(name, handler);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Writes only what changed, so that selections, focus and live regions are left in peace. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttr(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Makes `parent` hold one element per item, in order: an element that `known` has under an item's key is kept (and
 * moved only if it must be), the others are made or removed.
 */
export function keyed<T, E extends Element>(
  parent: Element,
  known: Map<string, E>,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => E,
  update: (element: E, item: T) => void,
): void {
  const wanted = new Set(items.map(keyOf));
  for (const [key, element] of known) {
    if (wanted.has(key)) continue;
    element.remove();
    known.delete(key);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = known.get(key);
    if (!element) {
      element = make(item);
      known.set(key, element);
    }
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  clock: "M8 3.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6M8 5.4V8l1.8 1.2",
  tick: "M3 8.6l3 3 6.5-7",
  ticks: "M.8 8.6l3 3 6.5-7M6.6 10.4l1.2 1.2 6.5-7",
  alert: "M8 2.4a5.6 5.6 0 1 0 0 11.2A5.6 5.6 0 0 0 8 2.4M8 5v3.6M8 10.9v.1",
  send: "M2.5 8h10M8.5 3.5L13 8l-4.5 4.5",
  plus: "M8 3v10M3 8h10",
  back: "M10 3L5 8l5 5",
  edit: "M3 13l.6-2.8L11 2.8l2.2 2.2-7.4 7.4zM9.6 4.2l2.2 2.2",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  close: "M4 4l8 8M12 4l-8 8",
  down: "M8 3v10M3.5 8.5L8 13l4.5-4.5",
  group: "M5.8 7.6a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4M1.8 13c0-2.2 1.8-3.6 4-3.6s4 1.4 4 3.6M10.6 3.6a2 2 0 0 1 0 3.8M11.6 9.7c1.6.4 2.6 1.6 2.6 3.3",
  leave: "M6.5 3H3.5v10h3M7 8h6.5M11 5.5L13.5 8 11 10.5",
};

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The mark: two jacks, joined by a patch cord. */
export function logo(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "logo");
  svg.setAttribute("aria-hidden", "true");
  const d =
    "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0M25 22a3 3 0 1 1-6 0 3 3 0 0 1 6 0M10 13v3c0 4 3 6 6 6h3M22 10h.01M10 22h.01";
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}
