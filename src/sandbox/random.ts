/** A source of repeatable values: the same seed gives the same sequence on every machine. */
export interface Random {
  /** A whole number in `min..max`, both included. */
  integer(min: number, max: number): number;
  /** One of the items. Throws for an empty list. */
  pick<Item>(items: readonly Item[]): Item;
  /** `length` characters out of the alphabet. */
  text(alphabet: string, length: number): string;
}

/** FNV-1a: spreads similar seeds ("Close users", "Close leads") far apart. */
function hash(seed: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < seed.length; index += 1) value = Math.imul(value ^ seed.charCodeAt(index), 0x01000193);
  return value >>> 0;
}

/** Creates a sequence that depends on the seed alone (mulberry32; not for secrets). */
export function createRandom(seed: string): Random {
  let state = hash(seed);
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (min: number, max: number): number => min + Math.floor(fraction() * (max - min + 1));
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[integer(0, items.length - 1)];
    if (item === undefined) throw new RangeError('pick needs at least one item');
    return item;
  };
  const text = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet.charAt(integer(0, alphabet.length - 1))).join('');
  return { integer, pick, text };
}
