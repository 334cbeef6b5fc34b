import { readdirSync, readFileSync } from 'node:fs';
import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { readExample } from '../src/graphql/documents.ts';
import { createSchema } from '../src/graphql/schema.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import {
  BulkDocument,
  CreateDocument,
  DeleteDocument,
  DryRunDocument,
  FaultDocument,
  IntegrationsDocument,
  ListDocument,
  ManyDocument,
  PeopleDocument,
  ProgressDocument,
  RawDocument,
  RuleDocument,
  SnapshotDocument,
  StreamDocument,
  UnknownDocument,
} from './gql/graphql.ts';
import { closing } from './support/closing.ts';
import { startTestFacade } from './support/facade.ts';
import { schema } from './support/schema.ts';

const folder = new URL('../schema/operations/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.graphql'))
  .map((file) => file.slice(0, -8));
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');

const success = { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' };

/** What each document is answered by a fresh sandbox, and the document as codegen typed it. */
const expected = {
  'delete-engagement': [DeleteDocument, success],
  'delete-engagement-raw': [RawDocument, { __typename: 'DeleteEngagementSuccess', raw: { success: true } }],
  'delete-engagement-stream': [
    StreamDocument,
    { __typename: 'DeleteEngagementSuccess', stream: { chunks: [expect.any(String)] } },
  ],
  'delete-engagements': [
    ManyDocument,
    { results: [success, { ...success, outcome: 'ACCEPTED' }, { __typename: 'NotFoundError' }] },
  ],
  'break-a-rule': [RuleDocument, { __typename: 'InvalidInputError', issues: [{ path: ['engagementType'] }] }],
  'dry-run': [DryRunDocument, { __typename: 'DeleteEngagementPlan', wouldBeSent: true }],
  'delete-with-snapshot': [
    SnapshotDocument,
    {
      ...success,
      engagement: { subject: expect.any(String), owner: { name: expect.any(String) }, notes: [{}] },
    },
  ],
  'unknown-outcome': [UnknownDocument, { __typename: 'OutcomeUnknownError', retrySafe: true }],
  'create-engagement': [CreateDocument, { __typename: 'CreateEngagementSuccess', outcome: 'CREATED' }],
  fault: [FaultDocument, { __typename: 'ForbiddenError', missingScopes: ['crm.engagements.delete'] }],
  'list-engagements': [ListDocument, undefined],
  'list-with-people': [PeopleDocument, undefined],
  integrations: [IntegrationsDocument, undefined],
} as const;

/** They need Redis: see test/browser/first-visit.test.ts for what they are answered. */
const bulk = { 'start-bulk-delete': BulkDocument, 'follow-bulk-delete': ProgressDocument };

describe('the documents of schema/operations', () => {
  it('are all tried here', () =>
    expect([...names].sort()).toEqual([...Object.keys(expected), ...Object.keys(bulk)].sort()));

  it.each(names)('%s is valid, and no line is broader than the editor of GraphiQL at 1280 pixels', (name) => {
    expect(validate(schema, parse(read(`${name}.graphql`)))).toEqual([]);
    const lines = read(`${name}.graphql`).split('\n');
    expect(lines.filter((line) => line.length > 50)).toEqual([]);
    expect(lines[0]).toMatch(/^# \w/);
  });

  it.each(names)('%s is valid with a type prefix too, with its comments and line breaks', (name) => {
    const prefixed = createSchema({ dialect: 'federation', typePrefix: 'Crm', provesCallers: false });
    const { query } = readExample(name, 'Crm');
    expect(validate(prefixed, parse(query))).toEqual([]);
    expect(query.replaceAll('Crm', '')).toBe(read(`${name}.graphql`));
  });

  it.each(Object.entries(expected))(
    '%s runs as it is, with its example variables, against the sandbox, as often as one likes',
    async (name, [document, result]) => {
      await using sandbox = closing(await startSandbox());
      await using facade = await startTestFacade(sandbox.url);
      for (let time = 0; time < 2; time += 1) {
        const { body } = await facade.post(document, JSON.parse(read(`${name}.json`)));
        expect(body.errors).toBeUndefined();
        const { deleteEngagement, deleteEngagements, createEngagement } = body.data;
        if (result) expect(deleteEngagement ?? deleteEngagements ?? createEngagement).toMatchObject(result);
        else expect(body.data.integrations ?? body.data.engagements.nodes).not.toHaveLength(0);
      }
    },
  );
});
