import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startTestFacade } from './support/facade.ts';
import { fetchGraphQL } from './support/fetch-graphql.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

const upstream = await shared(startUpstream(json(204, undefined), 'capsule'));
const facade = await shared(
  startTestFacade(upstream.url, {
    ...{ AUTH_MODE: 'passthrough', TRUTO_RATE_LIMITS: '0' },
    // The dialect that has lists of keys.
    SUBGRAPH: 'stitching',
  }),
);

const accept = 'application/graphql-response+json';
const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => make(index)).join(' ');
const remove = (alias: string) => `${alias}: deleteEngagement(id: 1, integratedAccountId: "a") { __typename }`;

async function codesOnce(query: string, variables: object): Promise<readonly string[]> {
  const before = upstream.seen.length;
  const { status, body } = await facade.post(query, variables, { authorization: 'Bearer t', accept });
  // A response with data was executed, with any result.
  if (body.data !== undefined) return [];
  // A subgraph must answer with 200: with any other status, a gateway shows its clients the address of this server.
  expect(status).toBe(200);
  expect(upstream.seen).toHaveLength(before);
  const codes: string[] = body.errors.map(({ extensions }: { extensions?: { code?: string } }) => extensions?.code);
  return [...new Set(codes)].sort();
}

/** The codes that a document is refused with; none if it is executed. A refused document never reaches upstream. */
async function codesOf(query: string, variables: object = {}): Promise<readonly string[]> {
  const codes = await codesOnce(query, variables);
  // The server's memory of the document changes nothing.
  expect(await codesOnce(query, variables)).toEqual(codes);
  return codes;
}

const aliases = (from: number, to: number) => times(to - from, (index) => `a${from + index}: __typename`);
const deletes = (count: number) => times(count, (index) => remove(`a${index}`));
const skips = (count: number) => times(count, () => '__typename @skip(if: false)');
const page = (nodes: string, first = 'first: 100', variables = '') =>
  `query ${variables} { engagements(integratedAccountId: "a", ${first}) { nodes ${nodes} } }`;
const remoteQuery = (value: string) =>
  `mutation { deleteEngagement(id: 1, integratedAccountId: 1, remoteQuery: ${value}) { __typename } }`;
const plainFields = ['id', 'subject', 'content', 'status', 'direction', 'internalNotes', 'startTime', 'duration'];
/** So many fields of an engagement, each name as seldom as can be. */
const fields = (count: number) => `{ ${times(count, (index) => plainFields[index % plainFields.length] ?? '')} }`;
const sameFields = (count: number) => times(count, () => '__typename');
const longName = 'a'.repeat(256);
const levels8 = 'nodes { notes { contacts { account { owner { urls { url } } } } } }';
const levels9 = 'edges { node { notes { contacts { account { owner { urls { url } } } } } } }';
const list = (fields: string) => `{ engagements(integratedAccountId: "a") { ${fields} } }`;

const allFields =
  'subject content status direction internalNotes startTime endTime duration createdAt updatedAt customFields';
const manyDeletes = (fields: string, items: string) =>
  `mutation ${items.startsWith('$') ? '($items: [DeleteEngagementItem!]!)' : ''} { deleteEngagements(items: ${items}, integratedAccountId: "a") {
    results { ... on DeleteEngagementSuccess { engagement { ${fields} } } } } }`;
const person = `${times(10, () => 'name')} owner { ${times(10, () => 'email')} } account { ${times(10, () => 'tags { id }')} }`;
const people = `contacts { ${person} } opportunities { ${person} contacts { name title } } leads { id }`;
const listOf = (count: number) => `[${times(count, (index) => `{ id: ${index} }`)}]`;

/** What is one beyond a limit, and the code that it is refused with. */
const beyond: readonly [what: string, query: string, code: string][] = [
  [
    'a list of keys with much of what they refer to, however long',
    `query ($keys: [RecordKeyInput!]!) { engagementsByKey(keys: $keys) { ${people} ${people} } }`,
    'TOO_COSTLY',
  ],
  ['a list of deletes with much of what they refer to, however long', manyDeletes(people, '$items'), 'TOO_COSTLY'],
  ['as many deletes as fit into its characters', `mutation { ${deletes(900)} }`, 'TOO_MANY_TOKENS'],
  ['1,001 tokens', remoteQuery(`{ a: [${times(978, () => '1')}] }`), 'TOO_MANY_TOKENS'],
  ['65,537 characters', `{ __typename ${' '.repeat(65_537 - 14)}}`, 'TOO_LONG'],
  ['1,001 lines', `{${'\n'.repeat(1_000)}__typename }`, 'TOO_LONG'],
  ['1,001 lines that end as on other systems', `{${'\r'.repeat(1_000)}__typename }`, 'TOO_LONG'],
  ['an alias of 257 characters', `{ ${longName}a: __typename }`, 'TOO_LONG'],
  ['a variable of 257 characters', `query ($${longName}a: Int) { __typename }`, 'TOO_LONG'],
  ['a value of 257 characters', remoteQuery(`{ a: ${longName}a }`), 'TOO_LONG'],
  ['9 levels', list(levels9), 'TOO_DEEP'],
  ['141 equal fields', `{ ${sameFields(141)} }`, 'TOO_REPETITIVE'],
  [
    '60 equal fields with 1,000 characters of arguments',
    `{ ${times(60, () => `integrations(a: "${'x'.repeat(1_000)}") { name }`)} }`,
    'TOO_REPETITIVE',
  ],
  [
    '141 equal fields through fragments',
    `{ ${sameFields(47)} ...F ...G } fragment F on Query { ${sameFields(47)} } fragment G on Query { ${sameFields(47)} }`,
    'TOO_REPETITIVE',
  ],
  [
    '141 equal fields of equal fields',
    `{ ${times(3, () => `integrations { ${times(47, () => 'name')} }`)} }`,
    'TOO_REPETITIVE',
  ],
  [
    '141 equal fields in an unused fragment',
    `{ __typename } fragment F on Query { ${sameFields(141)} }`,
    'TOO_REPETITIVE',
  ],
  [
    '200 fragments in each of 60 places',
    `{ ${times(60, (index) => `a${index} { ...F }`)} } fragment F on Query { ${times(200, (index) => `...F${index}`)} }`,
    'TOO_REPETITIVE',
  ],
  ['142 fragments in one place', `{ __typename ${times(142, (index) => `...F${index}`)} }`, 'TOO_REPETITIVE'],
  [
    '11 aliases of what the schema does not have',
    `{ ${times(11, (index) => `a${index}: nothing`)} }`,
    'TOO_MANY_ALIASES',
  ],
  [
    '9 levels through fragments',
    `{ ...Q } fragment Q on Query ${list('...F')} fragment F on EngagementConnection { ${levels9} }`,
    'TOO_DEEP',
  ],
  [
    '9 levels through inline fragments',
    `{ ... on Query ${list(`... on EngagementConnection { ... { ${levels9} } }`)} }`,
    'TOO_DEEP',
  ],
  ['11 aliases, of __typename too', `{ ${aliases(0, 11)} }`, 'TOO_MANY_ALIASES'],
  [
    '11 aliases through a fragment',
    `{ ${aliases(0, 5)} ...F } fragment F on Query { ${aliases(5, 11)} }`,
    'TOO_MANY_ALIASES',
  ],
  ['6 directives', `{ ${skips(6)} }`, 'TOO_MANY_DIRECTIVES'],
  [
    '6 directives through a fragment',
    `{ ${skips(3)} ...F @skip(if: false) } fragment F on Query { ${skips(2)} }`,
    'TOO_MANY_DIRECTIVES',
  ],
  ['11 mutations', `mutation { ${deletes(10)} __typename }`, 'TOO_MANY_MUTATIONS'],
  [
    '11 mutations through a fragment',
    `mutation { ...F __typename } fragment F on Mutation { ${deletes(10)} }`,
    'TOO_MANY_MUTATIONS',
  ],
  [
    '11 mutations through inline fragments',
    `mutation { ... { ... { ${deletes(10)} } } __typename }`,
    'TOO_MANY_MUTATIONS',
  ],
  ['a cost of 50,001', `${page(fields(220)).slice(0, -1)} __typename }`, 'TOO_COSTLY'],
  [
    'that cost through fragments',
    `{ ...Q } fragment Q on Query ${page('{ ...F }').slice(7)} fragment F on Engagement ${fields(221)}`,
    'TOO_COSTLY',
  ],
  [
    'that cost through one fragment spread twice',
    `${page('{ ...F ...F }')} fragment F on Engagement ${fields(120)}`,
    'TOO_COSTLY',
  ],
];

describe('S09 a document', () => {
  it.each([
    ['1,000 tokens', remoteQuery(`{ a: [${times(977, () => '1')}] }`)],
    ['65,536 characters', `{ __typename ${' '.repeat(65_536 - 14)}}`],
    ['1,000 lines', `{${'\n'.repeat(999)}__typename }`],
    ['1,000 lines that end as on other systems', `{${'\r\n'.repeat(999)}__typename }`],
    ['a name of 256 characters', `query ${longName} { ${longName}: __typename }`],
    ['8 levels', list(levels8)],
    ['140 equal fields', `{ ${sameFields(140)} }`],
    [
      '60 fragments in one place',
      `{ ${times(60, (index) => `...F${index}`)} } ${times(60, (index) => `fragment F${index} on Query { __typename }`)}`,
    ],
    [
      '140 equal fields at each of many places',
      `{ ${times(6, (index) => `a${index}: integrations { ${times(55, () => 'name')} }`)} }`,
    ],
    [
      '8 levels through fragments',
      `{ ...Q } fragment Q on Query ${list('...F')} fragment F on EngagementConnection { ${levels8} }`,
    ],
    ['10 aliases, of __typename too', `{ ${aliases(0, 10)} }`],
    ['10 aliases through a fragment', `{ ${aliases(0, 5)} ...F } fragment F on Query { ${aliases(5, 10)} }`],
    ['5 directives', `{ ${skips(5)} }`],
    ['5 directives through a fragment', `{ ${skips(2)} ...F @skip(if: false) } fragment F on Query { ${skips(2)} }`],
    ['10 mutations', `mutation { ${deletes(10)} }`],
    ['10 mutations through a fragment', `mutation { ...F } fragment F on Mutation { ${deletes(10)} }`],
    ['a cost of 50,000', page(fields(220))],
    ['a cost of 50,000 in one record', page('{ subject }', 'first: 5952')],
    ['100 deletes in a list, with all that an engagement has itself', manyDeletes(allFields, listOf(100))],
    ['10 deletes in a list, with much of what they refer to', manyDeletes(people, listOf(10))],
  ])('of %s is taken', async (_what, query) => {
    expect(await codesOf(query)).toEqual([]);
  });

  it.each(beyond)('of %s is refused, by a code of its own, before anything is sent', async (_what, query, code) => {
    expect(await codesOf(query)).toEqual([code]);
  });

  it('that asks for entities is as dear as a page of them', async () => {
    await using subgraph = await startTestFacade(upstream.url, { SUBGRAPH: 'federation' });
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Engagement { ${people} ${people} } } }`;
    const { body } = await subgraph.post(query, { of: [] }, { accept });
    expect(body.errors[0].extensions.code).toBe('TOO_COSTLY');
  });

  it.each([
    ['a variable says', 'first: $n', '($n: Int)'],
    ['a default value says', 'first: $n', '($n: Int = 1)'],
    ['no argument says', 'after: null', ''],
    ['null says', 'first: null', ''],
  ])('costs as much as the largest page when %s how large one is', async (_what, first, variables) => {
    expect(await codesOf(page(fields(220), first, variables))).toEqual([]);
    expect(await codesOf(page(fields(221), first, variables))).toEqual(['TOO_COSTLY']);
    expect(await codesOf(page(fields(221), 'first: 99'))).toEqual([]);
  });
});

describe('S09 introspection', () => {
  it('is no attack: what GraphiQL asks for passes where the schema is exposed', async () => {
    await using open = await startTestFacade(upstream.url, { EXPOSE_SCHEMA: '1' });
    const all = { descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true };
    const { body } = await open.post(getIntrospectionQuery({ ...all, inputValueDeprecation: true, oneOf: true }));
    expect(body.errors).toBeUndefined();
    expect(printSchema(buildClientSchema(body.data))).toContain('type DeleteEngagementSuccess');
  });

  it.each([
    '{ __schema { types { name } } again: __schema { types { name } } }',
    '{ __schema { types { name } again: types { name } } }',
  ])('may ask for the schema once: by ten aliases it would be megabytes: %s', async (query) => {
    await using open = await startTestFacade(upstream.url, { EXPOSE_SCHEMA: '1' });
    const { body } = await open.post(query);
    expect(body.errors).toMatchObject([{ extensions: { code: 'TOO_COSTLY' } }]);
  });
});

it('S09 fields that cannot be merged are compared once, because the rule remembers its comparisons', async () => {
  const query = '{ integrations { name: parameters name } }';
  const { body } = await facade.post(query, {}, { authorization: 'Bearer t', accept });
  expect(body.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
});

describe('S09 an attack', () => {
  it('with 10,000 aliased deletes reaches no upstream, nor does one that breaks several limits', async () => {
    const before = upstream.seen.length;
    const { status } = await facade.post(`mutation { ${deletes(10_000)} }`, {}, { authorization: 'Bearer t' });
    expect(status).toBe(413);
    expect(upstream.seen).toHaveLength(before);
    expect(await codesOf(`mutation { ${deletes(71)} }`)).toEqual(['TOO_MANY_ALIASES', 'TOO_MANY_MUTATIONS']);
  });

  const cycle = (fields: string) =>
    `fragment A on Mutation { ${fields} ...B } fragment B on Mutation { ...C } fragment C on Mutation { ...A }`;
  it.each([
    ['deletes', `mutation { ...A } ${cycle(remove('x'))}`],
    ['aliases', `mutation { ...A } ${cycle(aliases(0, 3))}`],
    ['directives', `mutation { ...A @include(if: true) } ${cycle(skips(2))}`],
    ['nothing', `mutation { ...A } ${cycle('')}`],
    ['records', `${page('{ ...N }')} fragment N on Engagement { notes { contacts { account { id } } } ...N }`],
    ['itself', 'fragment A on Query { ...A } query { ...A }'],
    ['a field, unused', '{ __typename } fragment A on Query { a { ...A } }'],
  ])('with fragments that name themselves, around %s, is refused', async (_what, query) => {
    expect(await codesOf(query)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });

  it('with a fragment that names itself is validated no further, since its fields would be merged without a bound', async () => {
    const many = times(240, () => 'integrations { name }');
    const { body } = await facade.post(
      `{ nothing ${many} ...A } fragment A on Query { ...A }`,
      {},
      { authorization: 'Bearer t', accept },
    );
    expect(body.errors).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
  });

  it('with fragments that multiply is refused as soon as any', async () => {
    const doubling = (last: string) =>
      `${times(60, (index) => `fragment F${index} on Mutation { ...F${index + 1} ...F${index + 1} }`)} fragment F60 on Mutation { ${last} }`;
    expect(await codesOf(`mutation { ...F0 } ${doubling(remove('x'))}`)).toEqual([
      'TOO_COSTLY',
      'TOO_MANY_ALIASES',
      'TOO_MANY_MUTATIONS',
    ]);
  });

  const nested = (depth: number, open: string, middle: string, close: string) =>
    open.repeat(depth) + middle + close.repeat(depth);
  it.each([
    ['fields', nested(3_000, '{ a ', '', '}')],
    ['inline fragments', nested(3_000, '{ ... ', '{ __typename }', '}')],
    ['lists', remoteQuery(`{ a: ${nested(3_000, '[', '', ']')} }`)],
    ['objects', remoteQuery(nested(3_000, '{ a: ', '1', '}'))],
    ['types', `query ($a: ${nested(3_000, '[', 'Int', ']')}) { __typename }`],
    ['unclosed brackets', '{ a '.repeat(3_000)],
  ])('with %s nested 3,000 deep is refused', async (_what, query) => {
    expect(await codesOf(query)).toEqual(['TOO_MANY_TOKENS']);
  });

  it('nested as deep as 1,000 tokens allow is refused, or does no harm', async () => {
    expect(await codesOf(nested(331, '{ a ', '{ b }', '}'))).toContain('TOO_DEEP');
    expect(await codesOf(nested(331, '{ ... ', '{ __typename }', '}'))).toEqual([]);
    expect(await codesOf(remoteQuery(`{ a: ${nested(480, '[', '', ']')} }`))).toEqual([]);
  });

  it('S20 with variables nested 9,000 deep is refused before anything reads them', async () => {
    const query =
      'mutation ($q: JSONObject) { deleteEngagement(id: 1, integratedAccountId: "a", remoteQuery: $q) { __typename } }';
    const before = upstream.deletes().length;
    for (const nesting of [nested(9_000, '[', '', ']'), nested(9_000, '{"a":', '1', '}')]) {
      const response = await fetch(`${facade.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer t' },
        body: `{"query":${JSON.stringify(query)},"variables":{"q":{"a":${nesting}}}}`,
      });
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    }
    expect(upstream.deletes()).toHaveLength(before);
  });
});

/** The longest answer to a mistake: a request of 200 KB must not come back in it. */
const maxAnswerCharacters = 40_000;

describe('S20 the values of a request', () => {
  const q = `mutation ($q: JSONObject, $id: ID! = "e1", $items: [DeleteEngagementItem!]! = []) {
    deleteEngagement(id: $id, integratedAccountId: "a", remoteQuery: $q) { __typename ... on InvalidInputError { message issues { path message } } }
    other: deleteEngagements(items: $items, integratedAccountId: "a") @include(if: false) { results { __typename } } }`;
  const known =
    'mutation ($q: JSONObject, $id: ID! = "e1") { deleteEngagement(id: $id, integratedAccountId: "a", remoteQuery: $q) { __typename } }';
  const text = (length: number) => 'x'.repeat(length);
  const nest = (depth: number): unknown => (depth === 0 ? 1 : { a: nest(depth - 1) });
  const listOfNumbers = (length: number) => Array.from({ length }, () => 1);

  async function answer(query: string, variables: object) {
    const { body } = await facade.post(query, variables, { authorization: 'Bearer t', accept });
    expect(JSON.stringify(body).length).toBeLessThan(maxAnswerCharacters);
    return body;
  }

  it.each<[what: string, variables: object, names: string]>([
    ['a text of 16,385 characters', { q: { a: { b: text(16_385) } } }, 'q.a.b'],
    ['a name of 16,385 characters', { q: { a: { [text(16_385)]: 1 } } }, 'q.a'],
    ['a content of 131,073 characters', { q: { content: text(131_073) } }, 'q.content'],
    ['an id of 200,000 characters', { id: text(200_000) }, 'id'],
    ['21 levels', { q: nest(20) }, '20 levels'],
    ['a path of 10,000 characters to a number that lost digits', { q: { [text(10_000)]: 2 ** 60 } }, 'q.xxx'],
    ['more than that in a variable that nothing declares', { stranger: text(16_385) }, 'stranger'],
  ])('are refused beyond %s, by path and limit, before anything else reads them', async (_what, variables, names) => {
    const before = upstream.seen.length;
    // Twice with each document: the second time, the server knows it.
    for (const query of [known, known, q, q]) {
      const body = await answer(query, variables);
      expect(body.data).toBeUndefined();
      expect(body.errors).toMatchObject([
        { message: expect.stringContaining(names), extensions: { code: 'BAD_USER_INPUT' } },
      ]);
    }
    expect(upstream.seen).toHaveLength(before);
  });

  it.each<[what: string, variables: object]>([
    ['a text of 16,384 characters', { q: { a: text(16_384) } }],
    ['a content of 131,072 characters', { q: { content: text(131_072) } }],
    ['9,000 values', { q: { a: listOfNumbers(9_000) } }],
    ['20 levels', { q: nest(19) }],
  ])('are for the rules up to %s', async (_what, variables) => {
    expect((await answer(q, variables)).data.deleteEngagement.__typename).toBe('InvalidInputError');
  });

  it.each([
    ['commas', `{"query":"{__typename}","variables":{"a":[1${',1'.repeat(10_000)}]}}`],
    ['brackets', `{"query":"{__typename}","variables":{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`],
    ['unclosed braces', '{'.repeat(10_001)],
    ['commas of a document', `{"query":"{${','.repeat(10_001)}__typename}"}`],
  ])('are refused beyond 10,000 before they are parsed, as %s', async (_what, body) => {
    const headers = { 'content-type': 'application/json', authorization: 'Bearer t' };
    const response = await fetch(`${facade.url}/graphql`, { method: 'POST', headers, body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'REQUEST_TOO_LARGE' } }] });
  });

  it('are repeated by no more than a few errors when thousands are wrong, whether the document is known or not', async () => {
    const strangers = Object.fromEntries(listOfNumbers(4_000).map((_one, index) => [`stranger${index}`, text(30)]));
    const filtered =
      'query ($f: EngagementFilter) { engagements(integratedAccountId: "a", filter: $f) { nodes { id } } }';
    for (const [query, variables] of [
      [filtered, { f: strangers }],
      [q, { items: listOfNumbers(3_000).map(() => ({ id: [text(10)] })) }],
      [q, { items: listOfNumbers(9_000) }],
      [known, { id: strangers }],
      [known, { id: strangers }],
    ] as const) {
      const { data, errors } = await answer(query, variables);
      expect(data).toBeUndefined();
      expect(errors.length).toBeLessThanOrEqual(20);
      for (const error of errors) expect(error).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
    }
  });

  it('S20 that would be gigabytes upstream, as each has a long name before its own, are refused', async () => {
    const long = '\u00e9'.repeat(16_000);
    const many = (count: number) => Object.fromEntries(listOfNumbers(count).map((_one, index) => [`k${index}`, 1]));
    for (const [count, path] of [
      [1_000, ['remoteQuery']],
      [9_000, ['remoteQuery', `${long.slice(0, 99)}…`]],
    ] as const) {
      const { data } = await answer(q, { q: { [long]: many(count) } });
      expect(data.deleteEngagement.issues).toMatchObject([{ path }]);
    }
  });

  it('that break hundreds of rules have 20 of the issues, with short paths, and how many more there are', async () => {
    const names = listOfNumbers(900).map((_one, index) => [`[${index}]${text(60)}`, 1]);
    const long = { [`[${text(10_000)}`]: 1 };
    const { data } = await answer(q, { q: { ...long, ...Object.fromEntries(names) } });
    const { issues } = data.deleteEngagement;
    expect(issues).toHaveLength(21);
    for (const { path } of issues) for (const name of path) expect(name.length).toBeLessThanOrEqual(100);
    expect(issues[20]).toMatchObject({ path: ['remoteQuery'], message: expect.stringContaining('881 more') });
  });
});

describe('S20 the errors of an answer', () => {
  const alias = 'a'.repeat(250);
  const bad = 'engagement(id: "", integratedAccountId: "a") { id }';

  async function post(query: string, headers: Record<string, string> = {}) {
    const response = await fetchGraphQL(`${facade.url}/graphql`, query, {
      headers: { authorization: 'Bearer t', accept, ...headers },
    });
    return response.text();
  }

  it.each([
    [
      'of fragments in a ring of 60',
      `{ __typename } ${times(60, (index) => `fragment F${index} on Query { ...F${(index + 1) % 60} }`)}`,
    ],
    ['of a document with 300 mistakes', `{ ${times(300, (index) => `stranger${index}`)} }`],
    [
      'of one that quotes 200 KB',
      `{ engagement(id: "e", integratedAccountId: "a", engagementType: "${'x'.repeat(200_000)}") { id } }`,
    ],
    ['of one that cannot be parsed', `{ "${'x'.repeat(200_000)}" }`],
    [
      'of an argument that quotes 200 KB',
      `{ engagement(id: "e", integratedAccountId: "a", engagementType: ${'X'.repeat(200_000)}) { id } }`,
    ],
  ])('%s are at most 100, of 1,000 characters each', async (_what, query) => {
    const { errors } = JSON.parse(await post(query));
    expect(errors.length).toBeLessThanOrEqual(101);
    for (const { message, locations } of errors) {
      expect(message.length).toBeLessThanOrEqual(1_000);
      expect(locations?.length ?? 0).toBeLessThanOrEqual(10);
    }
  });

  it('say how many more there are', async () => {
    const query = 'query ($keys: [RecordKeyInput!]!) { engagementsByKey(keys: $keys) { id } }';
    const keys = Array.from({ length: 180 }, () => ({ id: '', integratedAccountId: 'a' }));
    const { errors } = (await facade.post(query, { keys }, { authorization: 'Bearer t' })).body;
    expect(errors).toHaveLength(101);
    expect(errors[100]).toMatchObject({
      message: expect.stringMatching(/^80 more/),
      extensions: { code: 'TOO_MANY_ERRORS' },
    });
  });

  it('keep each error that replaces a whole result, before errors inside other results', async () => {
    const query = `query ($keys: [RecordKeyInput!]!) { engagementsByKey(keys: $keys) { id } last: engagement(id: "e", integratedAccountId: "a") { id } }`;
    const keys = Array.from({ length: 180 }, () => ({ id: '', integratedAccountId: 'a' }));
    const { errors } = (await facade.post(query, { keys }, { authorization: 'Bearer t' })).body;
    expect(errors).toHaveLength(101);
    expect(errors[0].path).toEqual(['last']);
  });

  it.each([
    ['of one result', `{ ${alias}: ${bad} }`, accept],
    ['of a part that was deferred', `{ __typename ... @defer { ${alias}: ${bad} } }`, 'multipart/mixed'],
  ])('%s have paths of short names', async (_what, query, type) => {
    const text = await post(query, { accept: type });
    const [, path = ''] = /"path":\["(a{2,}…?)"\]/.exec(text) ?? [];
    expect(path).toHaveLength(100);
  });
});
