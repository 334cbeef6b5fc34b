/** A metric as an expression names it, and what it must have in its labels. */
export interface Selector {
  readonly metric: string;
  /** The values that are asked for, by label; several where a regular expression has them. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** What an expression of Prometheus' takes for granted. */
export interface Named {
  readonly selectors: readonly Selector[];
  /** The labels that its results are put together by. */
  readonly groupedBy: readonly string[];
}

const grouping = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const range = /\[[^\]]*\]/g;
const operators = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/** A name, the labels behind it, and the parenthesis that makes it a function. */
const name = /(?<![\w.:$])([a-zA-Z_:][\w:]*)\s*(\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})?(\s*\()?/g;
const label = /(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;

/** Reads the names in an expression. Prometheus checks its syntax. */
export function namesIn(expression: string): Named {
  const groupedBy = [...expression.matchAll(grouping)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  );
  const rest = expression.replace(grouping, ' ').replace(range, ' ');
  const selectors = [...rest.matchAll(name)].flatMap(([, metric = '', labels = '', call]) => {
    if (call !== undefined || operators.has(metric)) return [];
    const wanted = [...labels.matchAll(label)].map(([, key = '', value = '']) => [key, value.split('|')] as const);
    return [{ metric, labels: Object.fromEntries(wanted) }];
  });
  return { selectors, groupedBy: [...new Set(groupedBy)] };
}
