// The highest rate that somebody carries: doubled until one is too much, then halved (on a logarithmic scale) between the last two.

export class Climb {
  #carried;
  #tooMuch;
  #failures = 0;
  #refined = 0;

  /** `most` ends it when even that is carried. */
  constructor({ start, factor, refine, tries, most = 1_000_000 }) {
    Object.assign(this, { factor, refine, tries, most });
    /** What to try now; `undefined` when it is over. */
    this.next = start;
  }

  /** The highest rate that was carried; `undefined` if not even the first was. */
  get carried() {
    return this.#carried;
  }

  /** What became of `next`. True if the same rate is to be tried again. */
  note(held) {
    if (!held && (this.#failures += 1) < this.tries) return true;
    this.#failures = 0;
    if (held) this.#carried = this.next;
    else this.#tooMuch = this.next;
    this.next = this.#following();
    return false;
  }

  #following() {
    if (this.#tooMuch === undefined) {
      const next = this.#carried * this.factor;
      return next > this.most ? undefined : next;
    }
    if (this.#carried === undefined || this.#refined === this.refine) return undefined;
    this.#refined += 1;
    const middle = round(Math.sqrt(this.#carried * this.#tooMuch));
    return middle > this.#carried && middle < this.#tooMuch ? middle : undefined;
  }
}

/** To two digits, so that the rates of several rounds are the same ones. */
function round(rate) {
  return Number(rate.toPrecision(2));
}
