import { type Arbitrary, constantFrom, integer, nat, oneof, record, tuple } from 'fast-check';
import { readExample } from '../../src/graphql/documents.ts';

/** Its sender: without a token, with an invalid one, or with one that upstream accepts. */
export type Sender = 'anonymous' | 'stranger' | 'caller';

/** A request that is designed to be expensive. */
export interface HostileRequest {
  /** What is expensive about it, for the report. */
  readonly kind: string;
  readonly sender: Sender;
  /**
   * Its bytes, head and body.
   * @param authorization the sender's header.
   * @param nonce makes the document new to every server.
   */
  bytes(authorization: string | undefined, nonce: string): Buffer;
}

/** The largest body that the server reads, in bytes. */
const maxBodyBytes = 256 * 1024;

/** Sizes around the limits that documents, lists and texts have, and far beyond. */
const size: Arbitrary<number> = oneof(
  constantFrom(1, 5, 8, 10, 11, 50, 99, 100, 101, 248, 332, 498, 512, 990, 1_000, 5_000, 5_001, 20_000, 60_000),
  integer({ min: 1, max: 250_000 }),
);

/** Makes the text with as many parts as fit into a body. */
function fill(count: number, part: (index: number) => string, room = maxBodyBytes - 2_000): string {
  const parts: string[] = [];
  let length = 0;
  for (let index = 0; index < count; index += 1) {
    const text = part(index);
    length += text.length;
    if (length > room) break;
    parts.push(text);
  }
  return parts.join('');
}

/** Nested in each other, as deep as fits into a body. */
function nest(count: number, open: string, close: string, core: string): string {
  const depth = Math.min(count, Math.floor((maxBodyBytes - 2_000) / (open.length + close.length)));
  return open.repeat(depth) + core + close.repeat(depth);
}

interface Post {
  readonly body: string | Buffer;
  readonly headers?: readonly string[];
  readonly contentType?: string;
}

function post({ body, headers = [], contentType = 'application/json' }: Post, authorization?: string): Buffer {
  const head = [
    'POST /graphql HTTP/1.1',
    'host: test',
    'connection: close',
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...(authorization === undefined ? [] : [`authorization: ${authorization}`]),
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}

const start = 'mutation($id: ID! = "7") { deleteEngagement(id: $id, integratedAccountId: "a") { __typename ';
const inMutation = (selections: string) => `${start}${selections}}}`;
const inPage = (selections: string) => `{engagements(integratedAccountId: "a") {nodes{${selections}}}}`;

/** Documents that are dear to read, to check, to validate or to complain of, by what is dear. */
const documents: Readonly<Record<string, (count: number) => string>> = {
  'selections nested': (count) => nest(count, '{node', '}', '{id}'),
  'selections nested, open': (count) => '{a'.repeat(Math.min(count, 120_000)),
  'related records nested': (count) => inPage(nest(Math.min(count, 4_000), 'contacts{account{', '}}', 'id')),
  'fields that are not there': (count) => `{${fill(count, (index) => `integratiosn${index} `)}}`,
  'a field that is not there': (count) => inPage(fill(count, () => 'subjct ')),
  'one field, again and again': (count) => `{${fill(count, () => '__typename ')}}`,
  'one field with selections': (count) => `{${fill(count, () => 'integrations{name}')}}`,
  'one field with arguments': (count) =>
    `{${fill(count, (index) => `engagements(integratedAccountId:"a",first:${index}){__typename}`)}}`,
  'one field with a long argument': (count) => {
    const fields = Math.min(count, 140);
    return `{${fill(fields, () => `integrations(a:"${'\u007f'.repeat(Math.floor(61_000 / fields))}")`)}}`;
  },
  'one field, and a fragment with the same, in many places': (count) =>
    `{${fill(Math.min(count, 60), () => 'integrations{name ...F}')}}fragment F on Integration{${fill(Math.min(count, 60), () => 'name ')}}`,
  'one field in inline fragments': (count) => inMutation(fill(count, () => '...on DeleteEngagementSuccess{outcome}')),
  'one field in every member': (count) =>
    inMutation(
      fill(count, (index) => `...on ${['NotFoundError', 'DeleteEngagementSuccess', 'Error'][index % 3]}{__typename}`),
    ),
  'inline fragments nested': (count) => inMutation(nest(count, '...{', '}', '__typename')),
  'inline fragments with fields': (count) => inPage(nest(Math.min(count, 2_000), 'contacts{id ...{', '}}', 'id')),
  aliases: (count) => `{${fill(count, (index) => `a${index}:__typename `)}}`,
  'aliased deletes': (count) =>
    `mutation{${fill(count, (index) => `a${index}:deleteEngagement(id:"${index}",integratedAccountId:"a"){__typename}`)}}`,
  'one long alias': (count) => inPage(`${'a'.repeat(Math.min(count, 250_000))}: id`),
  'one long field name': (count) => inPage('a'.repeat(Math.min(count, 250_000))),
  'one long argument name': (count) => `{engagement(${'a'.repeat(Math.min(count, 250_000))}: 1){id}}`,
  'one long type name': (count) => inMutation(`...on ${'A'.repeat(Math.min(count, 250_000))}{id}`),
  'one long text': (count) => `{engagement(id:"${'x'.repeat(Math.min(count, 250_000))}",integratedAccountId:"a"){id}}`,
  'one long enum value': (count) =>
    `mutation{deleteEngagement(id:"1",integratedAccountId:"a",format:${'U'.repeat(Math.min(count, 250_000))}){__typename}}`,
  'a long text where a number belongs': (count) =>
    `{engagements(integratedAccountId:"a",first:"${'x'.repeat(Math.min(count, 250_000))}"){nodes{id}}}`,
  'a long block text': (count) =>
    `{engagement(id:"""${fill(count, (index) => `\n${' '.repeat(index % 60)}x`)}""",integratedAccountId:"a"){id}}`,
  'escapes in a text': (count) => `{engagement(id:"${fill(count, () => '\\u{1F600}')}",integratedAccountId:"a"){id}}`,
  'a long number': (count) =>
    `{engagements(integratedAccountId:"a",first:${'9'.repeat(Math.min(count, 250_000))}){nodes{id}}}`,
  comments: (count) => `${fill(count, (index) => `#${index}\n`)}{__typename}`,
  'commas and blanks': (count) => `{${', \t'.repeat(Math.min(count, 80_000))}__typename}`,
  'line breaks before a mistake': (count) => `${'\n'.repeat(Math.min(count, 240_000))}{`,
  'directives on a field': (count) => `{__typename ${fill(count, () => '@skip(if:false)')}}`,
  'directives that are not there': (count) => `{__typename ${fill(count, (index) => `@skpi${index}`)}}`,
  'directives on the operation': (count) => `query ${fill(count, (index) => `@a${index}`)}{__typename}`,
  'fragments in a ring': (count) => {
    const ring = Math.min(count, 4_000);
    return `{...F0}${fill(ring, (index) => `fragment F${index} on Query{...F${(index + 1) % ring}}`)}`;
  },
  'a ring of fragments next to one field': (count) =>
    `{${fill(Math.min(count, 240), () => 'integrations{name}')}...F}fragment F on Query{...F}`,
  'a ring of unused fields': (count) =>
    `{__typename}fragment F on Query{${fill(Math.min(count, 160), (index) => `a${index}{...F}`)}}`,
  'spreads in many places': (count) => {
    const branches = fill(
      7,
      (index) => `fragment A${index} on Q{a{...A${index + 1}}b{...A${index + 1}}c{...A${index + 1}}...W}`,
    );
    return `{integrations{...A0}}${branches}fragment W on Q{${fill(Math.min(count, 380), (index) => `...Z${index} `)}}`;
  },
  'fragments that double': (count) =>
    `{...F0}${fill(Math.min(count, 100), (index) => `fragment F${index} on Query{...F${index + 1} ...F${index + 1}}`)}fragment F${Math.min(count, 100)} on Query{__typename}`,
  'fragments that double with fields': (count) =>
    `{...F0}${fill(Math.min(count, 60), (index) => `fragment F${index} on Query{integrations{name} ...F${index + 1} ...F${index + 1}}`)}fragment F${Math.min(count, 60)} on Query{integrations{name}}`,
  'many fragments spread in one place': (count) =>
    `{${fill(Math.min(count, 2_000), (index) => `...F${index} `)}}${fill(Math.min(count, 2_000), (index) => `fragment F${index} on Query{integrations{name}}`)}`,
  'fragments all in each other': (count) => {
    const all = Math.min(count, 22);
    return `{...F0}${fill(all, (index) => `fragment F${index} on Query{__typename ${fill(all - index - 1, (other) => `...F${index + other + 1} `)}}`)}`;
  },
  'unused fragments': (count) => `{__typename}${fill(count, (index) => `fragment F${index} on Query{__typename}`)}`,
  'fragments of one name': (count) => `{...F}${fill(count, () => 'fragment F on Query{__typename}')}`,
  'spreads of nothing': (count) => `{${fill(count, (index) => `...F${index} `)}}`,
  operations: (count) => fill(count, (index) => `query Q${index}{__typename}`),
  'operations of one name': (count) => fill(count, () => 'query Q{__typename}'),
  'unused variables': (count) => `query(${fill(count, (index) => `$v${index}:ID `)}){__typename}`,
  'variables of no type': (count) => `query(${fill(count, (index) => `$v${index}:Intt `)}){__typename}`,
  'variables of one name': (count) => `query(${fill(count, () => '$v:ID ')}){__typename}`,
  'a variable of a type in lists': (count) => `query($v:${nest(count, '[', ']', 'ID')}){__typename}`,
  'variables that were not declared': (count) =>
    `{engagement(id:"1",integratedAccountId:"a",${fill(count, (index) => `a${index}:$v${index} `)}){id}}`,
  'arguments of one name': (count) => `{engagement(${fill(count, () => 'id:"1" ')}){id}}`,
  'lists in lists': (count) => `{engagement(id:${nest(count, '[', ']', '1')},integratedAccountId:"a"){id}}`,
  'objects in objects': (count) =>
    `mutation{deleteEngagement(id:"1",integratedAccountId:"a",remoteQuery:${nest(count, '{a:', '}', '1')}){__typename}}`,
  'an object with many fields': (count) =>
    `mutation{deleteEngagement(id:"1",integratedAccountId:"a",remoteQuery:{${fill(count, (index) => `k${index}:1 `)}}){__typename}}`,
  'an object with one field many times': (count) =>
    `mutation{deleteEngagement(id:"1",integratedAccountId:"a",remoteQuery:{${fill(count, () => 'k:1 ')}}){__typename}}`,
  'a filter that has no such field': (count) =>
    `{engagements(integratedAccountId:"a",filter:{${fill(count, (index) => `subjct${index}:"a" `)}}){nodes{id}}}`,
  'items in a list': (count) =>
    `mutation{deleteEngagements(integratedAccountId:"a",items:[${fill(count, () => `{id:"."}`)}]){results{__typename}}}`,
  introspection: (count) => `{__schema{types{${nest(Math.min(count, 40), 'fields{type{', '}}', 'name')}}}}`,
  'introspection by aliases': (count) =>
    `{__schema{types{...T}${fill(Math.min(count, 10), (index) => ` a${index}:types{...T}`)}}}fragment T on __Type{fields{args{type{...U}}type{...U}}}fragment U on __Type{...V ofType{...V ofType{...V}}}fragment V on __Type{name fields{name description args{name}}inputFields{name}}`,
  'introspection of lists': (count) => `{${fill(Math.min(count, 300), () => '__schema{types{fields{args{name}}}}')}}`,
  'deferred fragments': (count) =>
    inMutation(fill(Math.min(count, 2_000), (index) => `...@defer(label:"${index}"){__typename}`)),
  'type definitions': (count) => `${fill(count, (index) => `type T${index}{a:Int}`)}{__typename}`,
  'brackets that never close': (count) => '{('.repeat(Math.min(count, 120_000)),
  'characters that are no tokens': (count) => `{${'\u0000'.repeat(Math.min(count, 30_000))}}`,
};

const listDocument = readExample('list-with-people', '').query;
const deleteDocument = readExample('delete-engagement', '').query;
const bulkDocument =
  'mutation($input: StartBulkDeleteInput!) { startBulkDelete(input: $input) { ... on BulkDelete { id } ... on Error { message } } }';
const itemsDocument =
  'mutation($items: [DeleteEngagementItem!]!, $id: ID) { deleteEngagements(items: $items, integratedAccountId: "a") { results { __typename } } }';
const queryDocument =
  'mutation($remoteQuery: JSONObject, $id: ID! = "7") { deleteEngagement(id: $id, integratedAccountId: "a", remoteQuery: $remoteQuery) { __typename ... on InvalidInputError { issues { path message } } } }';

/** An operation whose variables a client fills: `variables` is JSON, so that it can be what no program would write. */
interface Filled {
  readonly query: string;
  readonly variables: string;
}

const repeated = (count: number, text: string) => fill(count, () => text);
const listOf = (count: number, item: (index: number) => string) =>
  `[${fill(count, (index) => (index === 0 ? item(0) : `,${item(index)}`))}]`;
const objectOf = (count: number, field: (index: number) => string) =>
  `{${fill(count, (index) => (index === 0 ? field(0) : `,${field(index)}`))}}`;

const given = (fields: string) => `{"id":"7","integratedAccountId":"a",${fields}}`;

/** Values that are dear to read, to check or to complain of, by what is dear: those of one document. */
const filled = (query: string, variables: Readonly<Record<string, (count: number) => string>>) =>
  Object.entries(variables).map(([name, make]) => [
    name,
    (count: number): Filled => ({ query, variables: make(count) }),
  ]);

const values: Readonly<Record<string, (count: number) => Filled>> = Object.fromEntries([
  ...filled(deleteDocument, {
    'an id of any length': (count) => `{"id":"${repeated(count, 'x')}","integratedAccountId":"a"}`,
    'an id of dots and slashes': (count) => `{"id":"${repeated(count, '../%2e%2e/')}","integratedAccountId":"a"}`,
    'an id of many bytes': (count) =>
      `{"id":"${repeated(Math.min(count, 512), '\u{1F600}')}","integratedAccountId":"${repeated(Math.min(count, 512), '%')}"}`,
    'an id that is a list': (count) => `{"id":${listOf(count, () => '1')},"integratedAccountId":"a"}`,
    'an id in lists': (count) => `{"id":${nest(count, '[', ']', '1')},"integratedAccountId":"a"}`,
    'an id that is an object': (count) =>
      `{"id":${objectOf(count, (index) => `"k${index}":"${'x'.repeat(100)}"`)},"integratedAccountId":"a"}`,
    'a kind that is not there': (count) => given(`"engagementType":"${repeated(count, 'CALLL')}"`),
    'undeclared variables': (count) => given(`"x":${listOf(count, (index) => `{"k${index}":[]}`)}`),
    'keys of prototypes': (count) => given(`"__proto__":${nest(count, '{"__proto__":', '}', '1')}`),
    'numbers with many digits': (count) => `{"id":1${repeated(count, '0')},"integratedAccountId":"a"}`,
  }),
  ...filled(itemsDocument, {
    'items that are right': (count) => `{"items":${listOf(count, (index) => `{"id":"${index}"}`)}}`,
    'items that are wrong': (count) => `{"items":${listOf(count, (index) => `{"x${index}":1}`)}}`,
    'items that are numbers': (count) => `{"items":${listOf(count, () => '0')}}`,
    'items that are null': (count) => `{"items":${listOf(count, () => 'null')}}`,
    'items with long texts': (count) =>
      `{"items":${listOf(100, () => `{"id":"${'x'.repeat(Math.min(count, 2_500))}"}`)}}`,
    'items with long unknown keys': (count) =>
      `{"items":${listOf(100, () => `{"${'x'.repeat(Math.min(count, 2_500))}":1}`)}}`,
    'numbers that lost digits': (count) => `{"items":${listOf(count, () => '{"id":9007199254740993}')}}`,
  }),
  ...filled(listDocument, {
    'a filter of long texts': (count) => `{"integratedAccountId":"a","filter":{"subject":"${repeated(count, 'x')}"}}`,
    'a filter with unknown keys': (count) =>
      `{"integratedAccountId":"a","filter":${objectOf(count, (index) => `"subjec${index}":"x"`)}}`,
    'a filter with one long unknown key': (count) =>
      `{"integratedAccountId":"a","filter":{"${repeated(count, 'x')}":{"a":1}}}`,
    'dates that are none': (count) =>
      `{"integratedAccountId":"a","filter":{"createdAt":{"gt":"2026-${repeated(count, '0')}"}}}`,
    'dates with fractions': (count) =>
      `{"integratedAccountId":"a","filter":{"createdAt":{"gt":"2026-01-01T00:00:00.${repeated(count, '9')}Z"}}}`,
  }),
  ...filled(queryDocument, {
    'a query of many parameters': (count) => `{"remoteQuery":${objectOf(count, (index) => `"k${index}":"v"`)}}`,
    'a query of nested objects': (count) => `{"remoteQuery":{"a":${nest(count, '{"b":', '}', '1')}}}`,
    'a query of nested lists': (count) => `{"remoteQuery":{"a":${nest(count, '[', ']', '1')}}}`,
    'a query of one long list': (count) => `{"remoteQuery":{"a":${listOf(count, () => '"&="')}}}`,
    'a query of values with long names': (count) =>
      `{"remoteQuery":{"${repeated(16_000, '\u00e9')}":${objectOf(Math.min(count, 9_000), (index) => `"k${index}":1`)}}}`,
    'a query of one long text': (count) => `{"remoteQuery":{"a":"${repeated(count, '%\u00e9')}"}}`,
  }),
  ...filled(bulkDocument, {
    'a bulk delete of ids': (count) =>
      `{"input":{"integratedAccountId":"a","ids":${listOf(count, (index) => `"${index}"`)}}}`,
    'a bulk delete of ids that are wrong': (count) =>
      `{"input":{"integratedAccountId":"a","ids":${listOf(count, () => '".."')}}}`,
  }),
  ...filled('query($id: ID!) { node(nodeId: $id) { nodeId } }', {
    'a node id that is none': (count) => `{"id":"${repeated(count, 'QUFB')}"}`,
  }),
]);

/** Headers that are dear to read, by what is dear; a head has 16 KiB at least. */
const headers: Readonly<Record<string, (count: number) => readonly string[]>> = {
  'many headers': (count) => Array.from({ length: Math.min(count, 300) }, (_, index) => `x-${index}: 1`),
  'long Accept': (count) => [`accept: ${fill(count, (index) => `a/b;q=0.${index},`, 30_000)}*/*`],
  'long Accept of charsets': (count) => [`accept: ${fill(count, () => 'a/b;charset=;', 30_000)}`],
  'blanks in Accept': (count) => [`accept: a${fill(count, () => ' \t', 30_000)}b`],
  'long Authorization': (count) => [`authorization: Bearer ${fill(count, () => 'x', 30_000)}`],
  'Authorization of dots': (count) => [`authorization: Bearer ${fill(count, () => 'eyJ.', 30_000)}`],
  'Authorization of blanks': (count) => [`authorization: Bearer${fill(count, () => ' ', 30_000)}x`],
  'Authorization of nothing': (count) => [`authorization: ${fill(count, () => 'Bearer ', 30_000)}`],
  'long Idempotency-Key': (count) => [`idempotency-key: ${fill(count, () => 'k', 30_000)}`],
  'long traceparent': (count) => [`traceparent: 00-${fill(count, () => 'a', 30_000)}-01`],
  'long tracestate': (count) => [`tracestate: ${fill(count, (index) => `a${index}=b,`, 30_000)}`],
  'long baggage': (count) => [`baggage: ${fill(count, (index) => `a${index}=%41;p=1,`, 30_000)}`],
  'long X-Request-Id': (count) => [`x-request-id: ${fill(count, () => 'r', 30_000)}`],
  'long X-Forwarded-For': (count) => [`x-forwarded-for: ${fill(count, (index) => `10.0.0.${index % 256},`, 30_000)}`],
  'long Host': (count) => [`host: ${fill(count, () => 'a.', 30_000)}`],
  'long Cookie': (count) => [`cookie: ${fill(count, (index) => `c${index}=1;`, 30_000)}`],
};

/** Bodies that are no request, by what is wrong with them. */
const bodies: Readonly<Record<string, (count: number) => Post>> = {
  'lists in lists, open': (count) => ({ body: '['.repeat(Math.min(count, maxBodyBytes)) }),
  'lists in lists': (count) => ({ body: nest(count, '[', ']', '') }),
  'objects in objects': (count) => ({ body: nest(count, '{"a":', '}', '1') }),
  'an array of operations': (count) => ({ body: listOf(count, () => '{"query":"{__typename}"}') }),
  'one key many times': (count) => ({ body: objectOf(count, () => '"query":"{__typename}"') }),
  'many keys': (count) => ({ body: objectOf(count, (index) => `"k${index}":1`) }),
  'no JSON': (count) => ({ body: repeated(count, 'bearer ') }),
  'no JSON, blanks': (count) => ({ body: `{"query":"{__typename}"${repeated(count, ' ')}` }),
  'no UTF-8': (count) => ({ body: Buffer.alloc(Math.min(count, maxBodyBytes), 0xff) }),
  nothing: () => ({ body: '' }),
  'too much': (count) => ({ body: 'x'.repeat(maxBodyBytes + count) }),
  'large extensions': (count) => ({
    body: `{"query":"{__typename}","extensions":${objectOf(count, (index) => `"k${index}":[{}]`)}}`,
  }),
  'a long operation name': (count) => ({
    body: `{"query":"{__typename}","operationName":"${repeated(count, 'a')}"}`,
  }),
  'a query that is a list': (count) => ({ body: `{"query":${listOf(count, () => '"a"')}}` }),
  'another media type': (count) => ({
    body: repeated(count, 'a=b&'),
    contentType: 'application/x-www-form-urlencoded',
  }),
  'a media type of parameters': (count) => ({
    body: '{"query":"{__typename}"}',
    contentType: `application/json${fill(count, (index) => `;a${index}=b`, 12_000)}`,
  }),
  chunks: (count) => ({ body: fill(count, () => '1\r\nx\r\n'), headers: ['transfer-encoding: chunked'] }),
};

/** Bodies in the smallest chunks, which have no length beforehand. */
function chunked(count: number, authorization: string | undefined): Buffer {
  const chunks = fill(Math.min(count, 40_000), () => '1\r\nx\r\n');
  const head = ['POST /graphql HTTP/1.1', 'host: test', 'connection: close', 'content-type: application/json'];
  const token = authorization === undefined ? [] : [`authorization: ${authorization}`];
  return Buffer.from(`${[...head, ...token, 'transfer-encoding: chunked'].join('\r\n')}\r\n\r\n${chunks}0\r\n\r\n`);
}

/** Requests without a body, by their target. */
const targets: Readonly<Record<string, (count: number) => string>> = {
  'a long path': (count) => `/${fill(count, () => 'a/', 12_000)}`,
  'a long query': (count) => `/graphql?query=${fill(count, () => '%7B', 12_000)}`,
  'a path of escapes': (count) => `/graphql${fill(count, () => '%2f..', 12_000)}`,
  'the page': () => '/graphql',
};

const operation = (query: string, variables = '{}') => `{"query":${JSON.stringify(query)},"variables":${variables}}`;
const names = (table: object) => constantFrom(...Object.keys(table));
/** A comment, since a document that was met before is parsed and checked no more. */
const fresh = (document: string, nonce: string) => `${document}#${nonce}`;

type Make = HostileRequest['bytes'];

const documentRequest: Arbitrary<[string, Make]> = tuple(names(documents), size).map(([name, count]) => [
  `document: ${name}`,
  (authorization, nonce) => post({ body: operation(fresh(documents[name]?.(count) ?? '', nonce)) }, authorization),
]);

/** Half of them about a document that the server knows, as an honest client's always is. */
const valueRequest: Arbitrary<[string, Make]> = tuple(names(values), size, integer({ min: 0, max: 1 })).map(
  ([name, count, isKnown]) => [
    `values: ${name}`,
    (authorization, nonce) => {
      const { query, variables } = values[name]?.(count) ?? { query: '', variables: '' };
      return post({ body: operation(isKnown ? query : fresh(query, nonce), variables) }, authorization);
    },
  ],
);

const headerRequest: Arbitrary<[string, Make]> = tuple(names(headers), size).map(([name, count]) => [
  `headers: ${name}`,
  (authorization) => {
    const lines = headers[name]?.(count) ?? [];
    const hasOwn = lines.some((line) => line.startsWith('authorization'));
    const body = operation(deleteDocument, '{"id":"7","integratedAccountId":"a"}');
    return post({ body, headers: lines }, hasOwn ? undefined : authorization);
  },
]);

const bodyRequest: Arbitrary<[string, Make]> = tuple(names(bodies), size).map(([name, count]) => [
  `body: ${name}`,
  (authorization) =>
    name === 'chunks' ? chunked(count, authorization) : post(bodies[name]?.(count) ?? { body: '' }, authorization),
]);

const targetRequest: Arbitrary<[string, Make]> = tuple(names(targets), constantFrom('GET', 'HEAD', 'PUT'), size).map(
  ([name, method, count]) => [
    `target: ${name}`,
    () =>
      Buffer.from(
        `${method} ${targets[name]?.(count)} HTTP/1.1\r\nhost: test\r\naccept: text/html\r\nconnection: close\r\n\r\n`,
      ),
  ],
);

/** Any text in the place of a document, as fuzzers send it. */
const noiseRequest: Arbitrary<[string, Make]> = tuple(
  constantFrom('{', '}', '"', '\\', '(', '...', '@', '$', '#', '\n', 'é', '\u202e', '{"query":', 'Did you mean '),
  nat({ max: 60_000 }),
).map(([text, count]) => [
  `noise: ${JSON.stringify(text)}`,
  (authorization, nonce) => post({ body: operation(fresh(repeated(count, text), nonce)) }, authorization),
]);

/** Hostile requests of every kind. */
export const hostileRequest: Arbitrary<HostileRequest> = record({
  made: oneof(
    { weight: 6, arbitrary: documentRequest },
    { weight: 4, arbitrary: valueRequest },
    { weight: 2, arbitrary: headerRequest },
    { weight: 2, arbitrary: bodyRequest },
    { weight: 1, arbitrary: targetRequest },
    { weight: 1, arbitrary: noiseRequest },
  ),
  sender: constantFrom<Sender>('anonymous', 'stranger', 'caller'),
}).map(({ made: [kind, bytes], sender }) => ({ kind, sender, bytes }));

/** The delete that all of them are compared with: a client's document, with an id that is new each time. */
export function ordinaryDelete(authorization: string, id: string): Buffer {
  const variables = JSON.stringify({ id, integratedAccountId: 'a' });
  return post({ body: operation(deleteDocument, variables) }, authorization);
}
