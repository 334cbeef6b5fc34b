/** FNV-1a: spreads similar seeds ("Close users", "Close leads") far apart. */
function hash(seed: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < seed.length; index += 1) value = Math.imul(value ^ seed.charCodeAt(index), 0x01000193);
  return value >>> 0;
}

/** A source of repeatable values. */
export type Random = ReturnType<typeof createRandom>;

/** Creates a sequence that depends on the seed alone, on every machine (mulberry32; not for secrets). */
export function createRandom(seed: string) {
  let state = hash(seed);
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  /** A whole number in `min..max`, both included. */
  const integer = (min: number, max: number): number => min + Math.floor(fraction() * (max - min + 1));
  /** One of the items, of which there is at least one. */
  const pick = <Item>(items: readonly Item[]): Item => items[integer(0, items.length - 1)] as Item;
  /** `length` characters out of the alphabet. */
  const text = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet.charAt(integer(0, alphabet.length - 1))).join('');
  return { integer, pick, text };
}
