import { printSubgraphSchema } from '@apollo/subgraph';
import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { GraphQLDeferDirective, GraphQLStreamDirective, printSchemaWithDirectives } from '@graphql-tools/utils';
import { GraphQLSchema, lexicographicSortSchema, printSchema, specifiedDirectives } from 'graphql';
import { type Dialect, parseSettings } from '../config/config.ts';
import type { AdditionalField } from '../config/settings.ts';
import './bulk/bulk-delete.ts';
import './bulk/bulk-restore.ts';
import { limitAnswers } from './core/answer-room.ts';
import { builder, rootField } from './core/builder.ts';
import { type DialectOptions, withTypePrefix, withTypePrefixInText } from './core/dialects.ts';
import './create/create-engagement.ts';
import './delete/delete-engagement.ts';
import './delete/engagement-deleted.ts';
import './read/engagement-queries.ts';
import { withGivenResults } from './prepared/prepared-operations.ts';
import { completeSubgraph } from './read/by-key.ts';
import { addAdditionalFields } from './types/records.ts';

builder.queryType({ description: 'Reads.' });
builder.mutationType({
  description: 'Writes. The fields of an operation run one after another, in the order of the document.',
});
builder.subscriptionType({ description: 'Events, as `text/event-stream` or `multipart/mixed`.' });
rootField('query', '_sdl', {
  row: 'String!: This schema as SDL, with its stitching directives, for a stitching gateway.',
  onlyIn: 'stitching',
  isOpen: true,
  resolve: (_root, _args, _context, { schema }) => String(schema.extensions.sdl),
});

/** The newest version that all composition libraries support, and the oldest with `@cost` and `@listSize`. */
const linkUrl = 'https://specs.apollo.dev/federation/v2.9';
const federationDirectives = ['@key', '@shareable', '@tag', '@cost', '@listSize'];

/** Source: https://the-guild.dev/graphql/stitching/docs/approaches/stitching-directives */
const { keyDirective, mergeDirective } = stitchingDirectives();

const directives = [...specifiedDirectives, GraphQLDeferDirective, GraphQLStreamDirective];

/** The options of a schema. */
export interface EngagementSchemaOptions {
  /** The kind of supergraph, as the setting `SUBGRAPH`. @default 'none' */
  readonly dialect?: Dialect;
  /** A prefix for type names that your graph may have too, as the setting `TYPE_PREFIX`. Only with a dialect. */
  readonly typePrefix?: string;
  /** True with `AUTH_MODE=service`: then a federated schema marks the fields that need a caller. @default false */
  readonly provesCallers?: boolean;
  /** Fields that you added to Truto's unified model, as the setting `ADDITIONAL_FIELDS`. @default none */
  readonly additionalFields?: readonly AdditionalField[] | undefined;
}

function buildDialect(options: DialectOptions): GraphQLSchema {
  const { dialect, provesCallers } = options;
  if (dialect === 'federation') {
    const used = provesCallers ? [...federationDirectives, '@authenticated'] : federationDirectives;
    return builder.toSubGraphSchema({ ...options, linkUrl, federationDirectives: used, directives });
  }
  const ofStitching = dialect === 'stitching' ? [keyDirective, mergeDirective] : [];
  return builder.toSchema({ ...options, directives: [...directives, ...ofStitching] });
}

const printers = { none: printSchema, federation: printSubgraphSchema, stitching: printSchemaWithDirectives };

function printed(schema: GraphQLSchema, dialect: Dialect): string {
  return `${printers[dialect](lexicographicSortSchema(schema)).trim()}\n`;
}

/**
 * Creates the schema of a server from the modules above. For a supergraph, `extensions.sdl` has its SDL.
 * @throws {ConfigError} for an invalid dialect, prefix or field, and an additional field that engagements already have.
 */
export function createSchema(options: EngagementSchemaOptions): GraphQLSchema {
  const { dialect = 'none', typePrefix = '', provesCallers = false, additionalFields = [] } = options;
  // Checked like the settings of the same meaning.
  parseSettings({ SUBGRAPH: dialect, TYPE_PREFIX: typePrefix, ADDITIONAL_FIELDS: JSON.stringify(additionalFields) });
  // Without the types that only another dialect uses.
  const used = new GraphQLSchema({ ...buildDialect({ dialect, provesCallers }).toConfig(), types: [] });
  const plain = withGivenResults(limitAnswers(addAdditionalFields(used, additionalFields)));
  if (dialect === 'none') return plain;
  const sdl = withTypePrefixInText(printed(plain, dialect), typePrefix);
  const schema = withTypePrefix(plain, typePrefix);
  schema.extensions = { ...schema.extensions, sdl };
  return dialect === 'federation' ? completeSubgraph(schema, sdl) : schema;
}

/** The schema of a server as SDL, in a stable order. With a dialect, the SDL for the supergraph. @throws {ConfigError} as {@link createSchema}. */
export function printedSchema(options: EngagementSchemaOptions): string {
  const schema = createSchema(options);
  return String(schema.extensions.sdl ?? printed(schema, 'none'));
}
