import { nodesOf } from './mutate.ts';

/** A stretch of a module that runs as one: a block, the expression that an arrow function returns, or the whole module. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly isBlock: boolean;
}

function stretchesOf(code: string): readonly Stretch[] {
  const found: Stretch[] = [{ start: 0, end: code.length, isBlock: true }];
  for (const { type, start, end, expression, body } of nodesOf(code)) {
    if (type === 'BlockStatement') found.push({ start: start + 1, end, isBlock: true });
    if (type === 'ArrowFunctionExpression' && expression === true)
      found.push({ ...(body as { start: number; end: number }), isBlock: false });
  }
  return found.sort((one, other) => one.start - other.start || other.end - one.end);
}

const nameOf = (path: string, { start, end }: Stretch) => `${path}:${start}-${end}`;

/** What names the innermost stretch that `position` is in, as `countReached` counts it. */
export function stretchAt(path: string, code: string, position: number): string {
  const around = stretchesOf(code).filter(({ start, end }) => start <= position && position < end);
  return nameOf(path, around.at(-1) as Stretch);
}

/** The module, calling `countReached` wherever a stretch begins. Processes of their own do not have that, and count nothing. */
export function addProbes(path: string, code: string): string {
  const insertions = stretchesOf(code).flatMap((stretch) => {
    const call = `globalThis.countReached?.('${nameOf(path, stretch)}')`;
    return stretch.isBlock
      ? [{ at: stretch.start, order: 1, text: ` ${call};` }]
      : [
          { at: stretch.start, order: 1, text: `(${call}, ` },
          { at: stretch.end, order: 0, text: ')' },
        ];
  });
  const sorted = insertions.toSorted((one, other) => one.at - other.at || one.order - other.order);
  let result = '';
  let from = 0;
  for (const { at, text } of sorted) {
    result += code.slice(from, at) + text;
    from = at;
  }
  return result + code.slice(from);
}
