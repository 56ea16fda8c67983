/** What was set last, by key: so many keys at least, and fewer than twice as many. Nothing of it is looked through. */
export class Recent<V> {
  readonly #keys: number;
  #newer = new Map<string, V>();
  #older = new Map<string, V>();

  constructor(keys: number) {
    this.#keys = keys;
  }

  get(key: string): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: string, value: V): void {
    this.#newer.set(key, value);
    if (this.#newer.size < this.#keys) return;
    this.#older = this.#newer;
    this.#newer = new Map();
  }
}
