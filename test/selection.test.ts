import fc from 'fast-check';
import { execute, type GraphQLResolveInfo, parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { excludedFields, maxExcludedFields, type Selection, wireFieldsOf } from '../src/engagement/record.ts';
import { readSelection } from '../src/graphql/core/selection.ts';
import { runs } from './support/runs.ts';
import { schema } from './support/schema.ts';
import {
  type Document,
  documents,
  expectedSelection,
  printDocument,
  type SelectedFields,
  wireNames,
} from './support/selection-documents.ts';

let seen: GraphQLResolveInfo[] = [];
const field = schema.getMutationType()?.getFields().deleteEngagement;
const defaultResolve = field?.resolve;

beforeAll(() => {
  if (field) field.resolve = (_root, _args, _context, info) => void seen.push(info);
});
afterAll(() => {
  if (field && defaultResolve) field.resolve = defaultResolve;
});

function selectionsOf(source: string, variableValues: Record<string, unknown> = {}): readonly Selection[] {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  seen = [];
  expect(execute({ schema, document, variableValues })).not.toHaveProperty('errors');
  return seen.map(readSelection);
}

function selectionOf(body: string, fragments = ''): SelectedFields & { excluded: readonly string[] } {
  const [selection] = selectionsOf(
    `mutation { deleteEngagement(id: "1", integratedAccountId: "a") ${body} } ${fragments}`,
  );
  if (!selection) throw new Error('the resolver was not called');
  const { fields, chunks } = selection;
  return { fields: [...fields].sort(), chunks: chunks === true, excluded: excludedFields('engagements', fields) };
}

const onSuccess = (body: string) => `{ ... on DeleteEngagementSuccess ${body} }`;
/** All other fields, which are excluded. `remote_data` has its own parameter. */
function othersThan(selected: readonly string[]): readonly string[] {
  const known = Object.values(wireNames).filter((name) => name !== 'id' && name !== 'remote_data');
  const others = wireFieldsOf('engagements').filter((name) => known.includes(name) && !selected.includes(name));
  return others.slice(0, maxExcludedFields);
}

describe('the selection of a delete', () => {
  it.each(Object.entries(wireNames))('of %s requests %s from upstream', (name, wireName) => {
    const composite = /^(owner|project|account|contacts|notes|opportunities|leads|phoneNumbers)$/.test(name);
    const { fields, excluded } = selectionOf(onSuccess(`{ engagement { ${name}${composite ? ' { id }' : ''} } }`));
    expect(fields).toEqual([wireName]);
    expect(excluded).toEqual(othersThan([wireName]));
  });

  it.each([
    ['nothing of the success', '{ __typename }'],
    ['errors only', '{ ... on Error { message } ... on RemoteApiError { statusCode } }'],
    ['no engagement', onSuccess('{ deletedEngagementId outcome warnings }')],
    ['the name of the type', onSuccess('{ engagement { __typename } }')],
    ['the id', onSuccess('{ engagement { id } }')],
    ['skipped fields', onSuccess('{ engagement { id subject @skip(if: true) status @include(if: false) } }')],
    ['a success inside an error', '{ ... on Error { ... on DeleteEngagementResult { ...S } } }'],
    ['fields of the same name elsewhere', onSuccess('{ integration { name } stream { contentType } }')],
  ])('of %s excludes every optional field, never the id', (_what, body) => {
    const fragment = 'fragment S on DeleteEngagementSuccess { engagement { subject } stream { chunks } }';
    const { excluded, chunks } = selectionOf(body, body.includes('...S') ? fragment : '');
    expect(excluded).toEqual(othersThan([]));
    expect(chunks).toBe(false);
  });

  it('counts both names of one wire field', () => {
    expect(selectionOf(onSuccess('{ engagement { rawEngagementType } }')).fields).toEqual(['engagement_type']);
    expect(selectionOf(onSuccess('{ engagement { engagementType } }')).fields).toEqual(['engagement_type']);
  });

  it('resolves aliases that look like other fields', () => {
    const body = onSuccess('{ engagement: engagement { subject: status content: id } }');
    expect(selectionOf(body).fields).toEqual(['id', 'status']);
    expect(selectionOf(onSuccess('{ raw: engagement { status } }')).fields).toEqual(['status']);
  });

  it('includes deferred fields, which are read later', () => {
    const body = onSuccess(
      '{ ... @defer { engagement { id ...S @defer(label: "s") } } stream { ... @defer { chunks } } }',
    );
    const { fields, chunks } = selectionOf(body, 'fragment S on Engagement { subject ... @defer { status } }');
    expect(fields).toEqual(['id', 'status', 'subject']);
    expect(chunks).toBe(true);
  });

  it('is the same in any order, so that equal selections make equal requests', () => {
    const one = selectionOf(onSuccess('{ engagement { subject status } }'));
    const other = selectionOf(onSuccess('{ engagement { status } engagement { ... { subject } } }'));
    expect(one).toEqual(other);
  });

  it('is separate for each aliased delete', () => {
    const remove = (alias: string, name: string) =>
      `${alias}: deleteEngagement(id: "1", integratedAccountId: "a") ${onSuccess(`{ engagement { ${name} } }`)}`;
    const selections = selectionsOf(`mutation { ${remove('a', 'subject')} ${remove('b', 'status')} }`);
    expect(selections.map(({ fields }) => [...fields])).toEqual([['subject'], ['status']]);
  });

  it('follows the definition, for any document', () => {
    fc.assert(
      fc.property(documents, (document: Document) => {
        const source = printDocument(document);
        const expected = expectedSelection(document);
        if (expected.chunkLists > 1) {
          expect(() => selectionsOf(source, document.variables)).toThrow('Select stream.chunks once');
          return;
        }
        const [selection] = selectionsOf(source, document.variables);
        expect([...(selection?.fields ?? [])].sort()).toEqual(expected.fields);
        expect(selection?.chunks).toBe(expected.chunks);
        expect(excludedFields('engagements', selection?.fields ?? new Set())).toEqual(othersThan(expected.fields));
      }),
      { numRuns: runs(1000) },
    );
  });
});
