import { printSubgraphSchema } from '@apollo/subgraph';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import {
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  type GraphQLUnionType,
  lexicographicSortSchema,
} from 'graphql';
import type { Context } from '../core/context.ts';
import { fieldError } from '../core/top-level-errors.ts';
import { countEntities } from './entities.ts';

/**
 * The newest version that all composition libraries support, and the oldest with `@cost` and `@listSize`.
 * Source: https://specs.apollo.dev/federation/v2.9
 */
export const federationLinkUrl = 'https://specs.apollo.dev/federation/v2.9';

/** The federation directives in this schema. */
export const federationDirectives = ['@key', '@shareable', '@tag', '@cost', '@listSize'];

interface Representations {
  readonly representations: readonly unknown[];
}

type Resolve = GraphQLFieldResolver<unknown, Context, Representations>;

/** Checks the representations before Apollo's resolver, which throws plain errors for some, and returns others as they are. */
function checked(resolve: Resolve, entityNames: ReadonlySet<string>): Resolve {
  return (source, args, context, info) => {
    countEntities(args.representations.length, context);
    for (const representation of args.representations) {
      const { __typename: name } = (representation ?? {}) as { __typename?: unknown };
      if (typeof name === 'string' && entityNames.has(name)) continue;
      const names = [...entityNames].join(', ');
      throw fieldError(
        'BAD_USER_INPUT',
        `Nothing was read. The __typename of each representation must be one of ${names}.`,
      );
    }
    return resolve(source, args, context, info);
  };
}

/** Makes `_entities` check its representations, and `_service` return the SDL. */
export function completeSubgraph(schema: GraphQLSchema, sdl: string): GraphQLSchema {
  const { _entities: entities, _service: service } = (schema.getQueryType() as GraphQLObjectType).getFields();
  const union = schema.getType('_Entity') as GraphQLUnionType;
  if (!entities?.resolve || !service) throw new Error('The schema has no _entities and _service');
  entities.resolve = checked(entities.resolve, new Set(union.getTypes().map(({ name }) => name)));
  service.resolve = () => ({ sdl });
  service.extensions = { ...service.extensions, isOpen: true };
  return schema;
}

/** The schema for `_service { sdl }`: with the directives of federation, and without its own types. */
export function printFederation(schema: GraphQLSchema): string {
  return printSubgraphSchema(lexicographicSortSchema(schema));
}

const { keyDirective, mergeDirective } = stitchingDirectives();

/**
 * The stitching directives in this schema.
 * Source: https://the-guild.dev/graphql/stitching/docs/approaches/stitching-directives
 */
export const usedStitchingDirectives = [keyDirective, mergeDirective];

/** The schema for `_sdl`: with the stitching directives. */
export function printStitching(schema: GraphQLSchema): string {
  return printSchemaWithDirectives(lexicographicSortSchema(schema));
}
