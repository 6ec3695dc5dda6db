import { initial, reduce, type Action, type State } from "./state.ts";

/** Holds the state; tells its listeners once per turn of the event loop, however many actions there were. */
export class Store {
  #state: State = initial;
  #listeners = new Set<(state: State) => void>();
  #scheduled = false;

  get state(): State {
    return this.#state;
  }

  dispatch(action: Action): void {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not requestAnimationFrame: a tab in the background still has to count unread messages in its title.
    queueMicrotask(() => {
      this.#scheduled = false;
      for (const listener of this.#listeners) listener(this.#state);
    });
  }

  /** Calls `listener` at once and after changes; returns how to stop that. */
  subscribe(listener: (state: State) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }
}
