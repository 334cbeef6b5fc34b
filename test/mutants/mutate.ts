import { parseAst } from 'vitest/node';

/** One change of a module's text. */
export interface Mutant {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The lines that it changes, before and after, without indents. They name the mutant, so it keeps its name when they move. */
  readonly before: string;
  readonly after: string;
}

/** A node of the syntax tree, with the properties that mutants and probes need. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string';
const children = (node: Node) => Object.values(node).flat().filter(isNode);

const swaps: Readonly<Record<string, string>> = {
  ...{ '===': '!==', '!==': '===', '<': '>=', '>=': '<', '>': '<=', '<=': '>', '&&': '||', '||': '&&' },
  ...{ '-': '+', '*': '/', '/': '*' },
};
const boundaries: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const methods: Readonly<Record<string, string>> = { every: 'some', some: 'every', min: 'max', max: 'min' };
/** Properties whose text decides something. */
const telling = new Set(['kind', 'code', 'outcome', 'reason', 'result', 'severity', 'state', 'phase', 'status']);
/** Log lines decide nothing, so they have no mutants. */
const isLogged = (code: string) => /^(await )?(\w+\.)*log\??\.\w+\(/.test(code);

type Change = readonly [start: number, end: number, replacement: string];

/** All changes of the node itself. `code` is the whole module. */
function changesOf(node: Node, code: string): readonly Change[] {
  const textOf = ({ start, end }: Node) => code.slice(start, end);
  const whole = (replacement: string): Change => [node.start, node.end, replacement];
  const instead = (part: unknown, replacement: (text: string) => string): readonly Change[] =>
    isNode(part) ? [[part.start, part.end, replacement(textOf(part))]] : [];
  const { left, right, operator, test, value } = node as { readonly [name: string]: unknown };
  const between = (other: string | undefined): readonly Change[] => {
    if (other === undefined || !isNode(left) || !isNode(right)) return [];
    const at = code.indexOf(String(operator), left.end);
    return [[at, at + String(operator).length, other]];
  };
  switch (node.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
      return ['true', 'false'].flatMap((constant) => instead(test, () => constant));
    case 'WhileStatement':
      return instead(test, () => 'false');
    case 'LogicalExpression':
      // A condition without one of its halves, or a value without its default.
      if (operator === '??') return isNode(left) ? [whole(`(${textOf(left)})`)] : [];
      return [
        ...between(swaps[String(operator)]),
        whole(`(${textOf(left as Node)})`),
        whole(`(${textOf(right as Node)})`),
      ];
    case 'BinaryExpression':
      return [...between(swaps[String(operator)]), ...between(boundaries[String(operator)])];
    case 'UnaryExpression':
      return operator === '!' ? instead(node, (text) => text.slice(1)) : [];
    case 'ExpressionStatement':
      return 'directive' in node || isLogged(textOf(node)) ? [] : [whole(';')];
    case 'CallExpression': {
      const { object, property } = node.callee as { object?: Node; property?: Node };
      const name = property ? textOf(property) : '';
      if (name === 'filter' && object) return [whole(textOf(object))];
      return instead(property, () => methods[name] ?? name).filter(([, , other]) => other !== name);
    }
    case 'Property':
      return isNode(node.key) && telling.has(textOf(node.key)) && isText(node.value)
        ? instead(node.value, () => "'another'")
        : [];
    case 'NewExpression':
      return textOf(node.callee as Node) === 'Set'
        ? itemsOf(node).map(({ start, end }): Change => [start, end, "'another'"])
        : [];
    case 'Literal':
      if (typeof value === 'boolean') return [whole(String(!value))];
      return typeof value === 'number' ? [whole(value > 1 ? `${value * 10}` : `${1 - value}`)] : [];
    case 'TemplateElement':
      return code.includes('redis.call') ? linesOfScript(node, code) : [];
    default:
      return [];
  }
}

function isText(value: unknown): value is Node {
  return isNode(value) && typeof value.value === 'string';
}

function itemsOf(node: Node): readonly Node[] {
  const [list] = node.arguments as readonly Node[];
  return list?.type === 'ArrayExpression' ? (list.elements as readonly unknown[]).filter(isText) : [];
}

/** A line of a script for Redis that is a whole statement can be dropped. */
function linesOfScript({ start, end }: Node, code: string): readonly Change[] {
  const lines = code.slice(start, end).matchAll(/^ *(?:if [^\n]* end|redis\.call\([^\n]*\))$/gm);
  return [...lines].map(({ index, 0: { length } }) => [start + index, start + index + length, '']);
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** All nodes of a module that run: those of types and imports do not. */
export function* nodesOf(code: string): Generator<Node> {
  const left: Node[] = [parseAst(code, { lang: 'ts' }) as unknown as Node];
  for (let node = left.pop(); node; node = left.pop()) {
    if (/^(TS(?!As|NonNull|Satisfies)|Import|ExportAll)/.test(node.type)) continue;
    yield node;
    left.push(...children(node).reverse());
  }
}

/** All mutants of a module, in the order of its text. Log lines and most texts have none. */
export function mutantsOf(code: string): readonly Mutant[] {
  const found = new Map<string, Mutant>();
  const add = ([start, end, replacement]: Change) => {
    const lineStart = code.lastIndexOf('\n', start) + 1;
    const lineEnd = code.indexOf('\n', end);
    const before = oneLine(code.slice(lineStart, lineEnd));
    const after = oneLine(code.slice(lineStart, start) + replacement + code.slice(end, lineEnd));
    const name = JSON.stringify([before, after]);
    if (before !== after && !found.has(name)) found.set(name, { start, end, replacement, before, after });
  };
  for (const node of nodesOf(code)) for (const change of changesOf(node, code)) add(change);
  return [...found.values()].sort((one, other) => one.start - other.start);
}
