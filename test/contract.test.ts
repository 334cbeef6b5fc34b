import { type GraphQLInputObjectType, type GraphQLObjectType, isEnumType } from 'graphql';
import { describe, expect, it } from 'vitest';
import contract from '../schema/upstream.json' with { type: 'json' };
import { integrations } from '../src/engagement/integrations.ts';
import { startTestFacade } from './support/facade.ts';
import { schema } from './support/schema.ts';
import { shared } from './support/shared.ts';
import { json, startUpstream } from './support/upstream.ts';

/** Arguments that are no documented parameter: what a customer or provider has in addition, and three that control this server. */
const ownArguments = ['rawEngagementType', 'trutoQuery', 'confirmationToken', 'dryRun', 'snapshot'];

let record: Record<string, unknown> = {};

const upstream = await shared(startUpstream((request, response) => json(200, record)(request, response)));
const facade = await shared(startTestFacade(upstream.url));

function argumentsWith(path: string, example: string, onlyForEmail: boolean): string {
  const given: Record<string, string> = { id: '"e1"', integratedAccountId: '"account-1"' };
  if (onlyForEmail) given.engagementType = 'EMAIL';
  const [first = '', second] = path.split('.');
  given[first] = second === undefined ? example : `{ ${second}: ${example} }`;
  return Object.entries(given)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}

async function remove(args: string, selection = 'id'): Promise<unknown> {
  const query = `mutation { deleteEngagement(${args}) { __typename ... on DeleteEngagementSuccess { engagement { ${selection} } } } }`;
  const { body } = await facade.post(query);
  expect(body.errors).toBeUndefined();
  expect(body.data.deleteEngagement.__typename).toBe('DeleteEngagementSuccess');
  return body.data.deleteEngagement.engagement;
}

function deleteArguments(): readonly string[] {
  const field = schema.getMutationType()?.getFields().deleteEngagement;
  const parameters = schema.getType('DeleteEngagementParameters') as GraphQLInputObjectType;
  const nested = Object.keys(parameters.getFields()).map((name) => `parameters.${name}`);
  return (field?.args ?? []).flatMap(({ name }) => (name === 'parameters' ? nested : [name]));
}

it('the path is the documented one, with the id as its last segment', async () => {
  await remove('id: "call/7?x#y", integratedAccountId: "account-1"');
  const seen = upstream.deletes().at(-1);
  expect(seen?.method).toBe(contract.method);
  expect(seen?.path).toBe(contract.path.replace('{id}', encodeURIComponent('call/7?x#y')));
});

describe('every query parameter of the contract', () => {
  it.each(contract.queryParameters.flatMap((parameter) => (parameter.argument ? [parameter] : [])))(
    '$name is sent from the argument $argument',
    async ({ name, argument = '', example = '', wire, onlyWhen }) => {
      record = { id: 'e1' };
      await remove(argumentsWith(argument, example, onlyWhen !== undefined));
      expect(upstream.deletes().at(-1)?.query[name]).toEqual(wire);
    },
  );

  it.each(contract.queryParameters.filter(({ required }) => !required))(
    '$name is absent by default',
    async ({ name, default: usual, derivedFrom }) => {
      record = { id: 'e1' };
      const everything = contract.responseFields.map(({ select }) => select).join(' ');
      await remove('id: "e1", integratedAccountId: "account-1"', derivedFrom ? everything : 'id');
      expect(upstream.deletes().at(-1)?.query[name]).toEqual(usual);
    },
  );

  it('has a GraphQL argument or is derived from the selection, and no argument is without one', () => {
    const documented = [...contract.pathParameters, ...contract.queryParameters].flatMap(
      (parameter) => parameter.argument ?? [],
    );
    expect([...documented].sort()).toEqual(
      deleteArguments()
        .filter((name) => !ownArguments.includes(name))
        .sort(),
    );
    expect(contract.queryParameters.filter(({ derivedFrom }) => derivedFrom).map(({ name }) => name)).toEqual([
      'truto_ignore_remote_data',
      'truto_exclude_fields',
    ]);
    expect(contract.queryParameters).toHaveLength(15);
  });

  it.each([
    ['EngagementType', 'engagement_type'],
    ['ResponseFormat', 'truto_response_format'],
    ['EngagementSort', 'sort_by'],
  ])('%s has exactly the documented values of %s', (typeName, parameterName) => {
    const type = schema.getType(typeName);
    const values = isEnumType(type) ? type.getValues().map(({ value }) => String(value)) : [];
    const allowed = contract.queryParameters.find(({ name }) => name === parameterName)?.allowed ?? [];
    expect(values.sort()).toEqual([...allowed].sort());
  });
});

describe('every response field of the contract', () => {
  it.each(contract.responseFields)('$name becomes $graphql', async ({ name, graphql, select, wire, expected }) => {
    record = { id: 'e1', [name]: wire };
    expect(await remove('id: "e1", integratedAccountId: "account-1"', select)).toEqual({ [graphql]: expected });
    expect(upstream.deletes().at(-1)?.query.truto_exclude_fields ?? []).not.toContain(name);
  });

  it.each(contract.responseFields.filter(({ required }) => !required))(
    '$name is excluded upstream when it is not selected',
    async ({ name }) => {
      record = { id: 'e1' };
      const others = contract.responseFields.filter((other) => other.name !== name).map(({ select }) => select);
      await remove('id: "e1", integratedAccountId: "account-1"', others.join(' '));
      const { truto_exclude_fields: excluded, truto_ignore_remote_data: ignored } =
        upstream.deletes().at(-1)?.query ?? {};
      expect({ excluded, ignored }).toEqual(name === 'remote_data' ? { ignored: 'true' } : { excluded: [name] });
    },
  );

  it('has a field of Engagement, and no field is without one', () => {
    const fields = (schema.getType('Engagement') as GraphQLObjectType).getFields();
    // The account is the caller's to say, the node id is of this server, and additional fields are not documented.
    const others = ['integratedAccountId', 'nodeId', 'additionalFields'];
    const names = Object.keys(fields).filter((name) => !others.includes(name));
    expect(contract.responseFields.map(({ graphql }) => graphql).sort()).toEqual(names.sort());
    expect(new Set(contract.responseFields.map(({ name }) => name)).size).toBe(22);
  });
});

it('the integrations of the contract are those of the table, in order', () => {
  expect(integrations.map(({ name }) => name)).toEqual(contract.integrations);
});
