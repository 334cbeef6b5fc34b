import { readdirSync, readFileSync } from 'node:fs';
import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { startSandbox } from '../src/sandbox/server.ts';
import {
  BreakARuleDocument,
  DeleteEngagementDocument,
  DeleteEngagementRawDocument,
  DeleteEngagementStreamDocument,
  DeleteEngagementsDocument,
  DeleteWithSnapshotDocument,
  DryRunDocument,
  IntegrationsDocument,
  ListEngagementsDocument,
  ListWithPeopleDocument,
} from './gql/graphql.ts';
import { startTestFacade } from './support/facade.ts';
import { schema } from './support/schema.ts';

const folder = new URL('../schema/operations/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.graphql'))
  .map((file) => file.slice(0, -8));
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');

/** What each document shall answer in a fresh sandbox, and the document as codegen typed it. */
const expected = {
  'delete-engagement': [DeleteEngagementDocument, { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' }],
  'delete-engagement-raw': [
    DeleteEngagementRawDocument,
    { __typename: 'DeleteEngagementSuccess', raw: { success: true } },
  ],
  'delete-engagement-stream': [
    DeleteEngagementStreamDocument,
    { __typename: 'DeleteEngagementSuccess', stream: { chunks: [expect.any(String)] } },
  ],
  'delete-engagements': [
    DeleteEngagementsDocument,
    {
      results: [
        { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' },
        { __typename: 'DeleteEngagementSuccess', outcome: 'DELETED' },
        { __typename: 'NotFoundError' },
      ],
    },
  ],
  'break-a-rule': [BreakARuleDocument, { __typename: 'InvalidInputError', issues: [{ path: ['engagementType'] }] }],
  'dry-run': [DryRunDocument, { __typename: 'DeleteEngagementPlan', wouldBeSent: true }],
  'delete-with-snapshot': [
    DeleteWithSnapshotDocument,
    {
      __typename: 'DeleteEngagementSuccess',
      engagement: { subject: expect.any(String), owner: { name: expect.any(String) } },
    },
  ],
  'list-engagements': [ListEngagementsDocument, undefined],
  'list-with-people': [ListWithPeopleDocument, undefined],
  integrations: [IntegrationsDocument, undefined],
} as const;

describe('the documents of schema/operations', () => {
  it('are all tried here', () => expect([...names].sort()).toEqual(Object.keys(expected).sort()));

  it.each(Object.entries(expected))(
    '%s runs as it is, with its example variables, against the sandbox',
    async (name, [document, result]) => {
      expect(validate(schema, parse(read(`${name}.graphql`)))).toEqual([]);
      const sandbox = await startSandbox();
      await using facade = await startTestFacade(sandbox.url);
      const { body } = await facade.post(document, JSON.parse(read(`${name}.json`)));
      await sandbox.close();
      expect(body.errors).toBeUndefined();
      if (result) expect(body.data.deleteEngagement ?? body.data.deleteEngagements).toMatchObject(result);
      else expect(body.data.integrations ?? body.data.engagements.nodes).not.toHaveLength(0);
    },
  );
});
