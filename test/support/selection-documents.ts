import fc from 'fast-check';
import contract from '../../schema/upstream.json' with { type: 'json' };

/** Every field of `Engagement` with its wire name, as the contract has them. */
export const wireNames: Readonly<Record<string, string>> = Object.fromEntries(
  contract.responseFields.map(({ graphql, name }) => [graphql, name]),
);

/** A condition of a directive: a literal, or the variable with that number. */
type Condition = boolean | number;

/** A field, a fragment with a chain of type conditions (innermost last, possibly empty), or a named fragment. */
type Part =
  | { readonly kind: 'field'; readonly name: string; readonly selects?: string; readonly below?: Body | string }
  | { readonly kind: 'inline'; readonly on: readonly string[]; readonly below: Body }
  | { readonly kind: 'spread'; readonly type: FragmentType; readonly number: number };
type Item = {
  readonly include?: Condition | undefined;
  readonly skip?: Condition | undefined;
  /** For fragments only: a field cannot be deferred. */
  readonly defer?: Condition | undefined;
  readonly part: Part;
};
type Body = readonly Item[];

/** From the outside in: a fragment may spread those of types further in, and of its own type those after it. */
const fragmentTypes = ['DeleteEngagementResult', 'DeleteEngagementSuccess', 'DeleteStream', 'Engagement'] as const;
type FragmentType = (typeof fragmentTypes)[number];

/** A mutation document whose selection the generator knows. */
export interface Document {
  readonly body: Body;
  readonly fragments: Readonly<Record<FragmentType, readonly Body[]>>;
  readonly variables: Readonly<Record<string, boolean>>;
}

/** The fields that a document selects in a delete's success. */
export interface SelectedFields {
  /** Wire names, sorted. */
  readonly fields: readonly string[];
  readonly chunks: boolean;
}

/** The values of `$v0` to `$v3` if the request has none. */
const variableDefaults = [false, true, false, true];
const condition = fc.oneof(fc.boolean(), fc.nat({ max: variableDefaults.length - 1 }));
const maybe = fc.oneof({ arbitrary: fc.constant(undefined), weight: 6 }, { arbitrary: condition, weight: 1 });

/** Selections of a type: its own parts, `__typename`, and fragments in every form around the same. */
function bodyOf(type: FragmentType, own: fc.Arbitrary<Part>, on: readonly string[] = [type]): fc.Arbitrary<Body> {
  const kind = fc.constant('inline' as const);
  return fc.letrec<{ body: Body; part: Part }>((tie) => ({
    body: fc.array(fc.record({ include: maybe, skip: maybe, defer: maybe, part: tie('part') }), {
      minLength: 1,
      maxLength: 4,
    }),
    part: fc.oneof(
      { maxDepth: 3 },
      { arbitrary: own, weight: 5 },
      fc.constant<Part>({ kind: 'field', name: '__typename' }),
      fc.nat({ max: 5 }).map<Part>((number) => ({ kind: 'spread', type, number })),
      fc.record({ kind, on: fc.constantFrom([], [type], on), below: tie('body') }),
    ),
  })).body;
}

/** A field under its own name or an alias. */
function field(name: string, alias: string, below?: Body | string, selects?: string): fc.Arbitrary<Part> {
  const rest = { ...(below !== undefined && { below }), ...(selects !== undefined && { selects }) };
  return fc.constantFrom(name, `${alias}: ${name}`).map((shown) => ({ kind: 'field', name: shown, ...rest }));
}

const composite: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['owner', 'project', 'account', 'notes'].map((name) => [name, '{ id __typename }'])),
  ...Object.fromEntries(['contacts', 'opportunities', 'leads'].map((name) => [name, '{ id ... { subject: id } }'])),
  phoneNumbers: '{ id number status: type }',
};
const engagementBody = bodyOf(
  'Engagement',
  fc
    .constantFrom(...Object.entries(wireNames))
    .chain(([name, wireName]) => field(name, `my_${name}`, composite[name], wireName)),
);
const streamBody = bodyOf(
  'DeleteStream',
  fc.oneof(field('chunks', 'parts', undefined, 'chunks'), field('contentType', 'type')),
);
const successBody = bodyOf(
  'DeleteEngagementSuccess',
  fc.oneof(
    { arbitrary: engagementBody.chain((body) => field('engagement', 'it', body)), weight: 4 },
    streamBody.chain((body) => field('stream', 'subject', body)),
    fc.constantFrom('outcome', 'warnings', 'raw').chain((name) => field(name, `my_${name}`)),
    field('integration', 'content', '{ name }'),
  ),
);

function member(type: string, name: string): fc.Arbitrary<Part> {
  return field(name, `my_${name}`).map((part) => ({ kind: 'inline', on: [type], below: [{ part }] }));
}
const resultBody = bodyOf(
  'DeleteEngagementResult',
  fc.oneof(
    {
      arbitrary: successBody.map<Part>((below) => ({ kind: 'inline', on: ['DeleteEngagementSuccess'], below })),
      weight: 4,
    },
    member('Error', 'message'),
    member('RemoteApiError', 'statusCode'),
    member('DeleteEngagementPlan', 'url'),
  ),
  // A success is never an error. The union in between makes that condition valid.
  ['Error', 'DeleteEngagementResult'],
);

/** Random valid documents with one `deleteEngagement`. */
export const documents: fc.Arbitrary<Document> = fc.record({
  body: resultBody,
  fragments: fc.record({
    DeleteEngagementResult: fc.array(resultBody, { maxLength: 2 }),
    DeleteEngagementSuccess: fc.array(successBody, { maxLength: 3 }),
    DeleteStream: fc.array(streamBody, { maxLength: 2 }),
    Engagement: fc.array(engagementBody, { maxLength: 3 }),
  }),
  variables: fc.dictionary(fc.constantFrom('v0', 'v1', 'v2', 'v3'), fc.boolean(), { noNullPrototype: true }),
});

/** The named fragment that is being walked. None for the operation. */
type Place = { readonly type: FragmentType; readonly index: number } | undefined;

/** The fragment of a spread at that position. Undefined when no fragment may be spread there. */
function target(document: Document, part: Extract<Part, { kind: 'spread' }>, place: Place): Place {
  const first = part.type === place?.type ? place.index + 1 : 0;
  const count = document.fragments[part.type].length - first;
  return count > 0 ? { type: part.type, index: first + (part.number % count) } : undefined;
}

function printItem(document: Document, { include, skip, defer, part }: Item, place: Place): string {
  const directive = (name: string, value: Condition | undefined) =>
    value === undefined ? '' : ` @${name}(if: ${typeof value === 'number' ? `$v${value}` : value})`;
  const conditions = directive('include', include) + directive('skip', skip);
  const directives = conditions + (defer === true ? ' @defer' : directive('defer', defer));
  if (part.kind === 'spread') {
    const fragment = target(document, part, place);
    return fragment ? `...${fragment.type}_${fragment.index}${directives}` : '__typename';
  }
  const below = typeof part.below === 'object' ? printBody(document, part.below, place) : (part.below ?? '');
  if (part.kind === 'field') return `${part.name}${conditions} ${below}`;
  const [outer, ...inner] = part.on.map((type) => `... on ${type}`);
  return `${outer ?? '...'}${directives} ${inner.reduceRight((body, on) => `{ ${on} ${body} }`, below)}`;
}

function printBody(document: Document, body: Body, place: Place): string {
  return `{ ${body.map((item) => printItem(document, item, place)).join(' ')} }`;
}

/** The document as GraphQL, with the variables and fragments that it uses. */
export function printDocument(document: Document): string {
  let used = `deleteEngagement(id: "1", integratedAccountId: "a") ${printBody(document, document.body, undefined)}`;
  const operation = used;
  const fragments: string[] = [];
  for (const type of fragmentTypes) {
    for (const [index, body] of document.fragments[type].entries()) {
      if (!new RegExp(`\\.\\.\\.${type}_${index}\\b`).test(used)) continue;
      fragments.push(`fragment ${type}_${index} on ${type} ${printBody(document, body, { type, index })}`);
      used += fragments.at(-1);
    }
  }
  const declared = variableDefaults.map((usual, index) => `$v${index}: Boolean! = ${usual}`);
  const needed = declared.filter((_text, index) => used.includes(`$v${index})`));
  return `mutation ${needed.length > 0 ? `(${needed.join(', ')})` : ''} { ${operation} }\n${fragments.join('\n')}`;
}

/** The plain definition: the fields that remain after conditions, types and fragments are resolved. */
export function expectedSelection(document: Document): SelectedFields & { readonly chunkLists: number } {
  const selected = new Set<string>();
  const holds = (value: Condition) =>
    typeof value === 'number' ? (document.variables[`v${value}`] ?? variableDefaults[value]) : value;
  const chunkLists = new Set<string>();
  function walk(body: Body, place: Place, parentKey = ''): void {
    for (const { include = true, skip = false, part } of body) {
      if (!holds(include) || holds(skip)) continue;
      if (part.kind === 'spread') {
        const fragment = target(document, part, place);
        if (fragment) walk(document.fragments[fragment.type][fragment.index] ?? [], fragment, parentKey);
      } else if (part.kind === 'field') {
        const key = part.name.split(':', 1)[0] ?? '';
        if (part.selects !== undefined) selected.add(part.selects);
        if (part.selects === 'chunks') chunkLists.add(`${parentKey}.${key}`);
        if (typeof part.below === 'object') walk(part.below, place, key);
      } else if (part.on.every((type) => (fragmentTypes as readonly string[]).includes(type)))
        walk(part.below, place, parentKey);
    }
  }
  walk(document.body, undefined);
  const chunks = selected.delete('chunks');
  return { fields: [...selected].sort(), chunks, chunkLists: chunkLists.size };
}
