import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import {
  filterSchema,
  GraphQLDeferDirective,
  GraphQLStreamDirective,
  printSchemaWithDirectives,
} from '@graphql-tools/utils';
import { GraphQLSchema, lexicographicSortSchema, printSchema, specifiedDirectives } from 'graphql';
import { type Dialect, parseSettings } from '../config/config.ts';
import type { AdditionalField } from '../config/settings.ts';
import './bulk/bulk-delete.ts';
import './bulk/bulk-restore.ts';
import { limitAnswers } from './core/answer-room.ts';
import { builder, objectType, rootField } from './core/builder.ts';
import { type DialectOptions, withTypePrefix } from './core/dialects.ts';
import './create/create-engagement.ts';
import './delete/delete-engagement.ts';
import './delete/engagement-deleted.ts';
import './read/engagement-queries.ts';
import { withGivenResults } from './prepared/prepared-operations.ts';
import './read/by-key.ts';
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
objectType<{ readonly sdl: string }>('_Service: What a federated gateway asks a subgraph for.')({
  sdl: 'String!: The schema as SDL.',
});
rootField('query', '_service', {
  row: '_Service!: This schema as SDL, with the directives of federation, for a federated gateway.',
  onlyIn: 'federation',
  isOpen: true,
  resolve: (_root, _args, _context, { schema }) => ({ sdl: String(schema.extensions.sdl) }),
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
  const used = provesCallers ? [...federationDirectives, '@authenticated'] : federationDirectives;
  const extensions = dialect === 'federation' ? { directives: { link: { url: linkUrl, import: used } } } : {};
  const ofStitching = dialect === 'stitching' ? [keyDirective, mergeDirective] : [];
  return builder.toSchema({ ...options, extensions, directives: [...directives, ...ofStitching] });
}

/** Without the types that no field uses. */
const pruned = (schema: GraphQLSchema) => new GraphQLSchema({ ...schema.toConfig(), types: [] });

/** The fields that a gateway knows, and that its subgraph's SDL must not have. */
const ofGateway: ReadonlySet<string> = new Set(['_entities', '_service']);

function printed(schema: GraphQLSchema, dialect: Dialect): string {
  if (dialect === 'none') return `${printSchema(lexicographicSortSchema(schema)).trim()}\n`;
  const shown = pruned(filterSchema({ schema, rootFieldFilter: (_operation, name) => !ofGateway.has(name ?? '') }));
  const text = printSchemaWithDirectives(lexicographicSortSchema(shown)).trim();
  // As an extension, as in Apollo's specification: tools recognize a subgraph by it.
  return `${text.replace(/^schema (@link\([^{}]*\)) \{[^}]*\}/, 'extend schema $1')}\n`;
}

/**
 * Creates the schema of a server from the modules above. For a supergraph, `extensions.sdl` has its SDL.
 * @throws {ConfigError} for an invalid dialect, prefix or field, and an additional field that engagements already have.
 */
export function createSchema(options: EngagementSchemaOptions): GraphQLSchema {
  const { dialect = 'none', typePrefix = '', provesCallers = false, additionalFields = [] } = options;
  // Checked like the settings of the same meaning.
  parseSettings({ SUBGRAPH: dialect, TYPE_PREFIX: typePrefix, ADDITIONAL_FIELDS: JSON.stringify(additionalFields) });
  const used = addAdditionalFields(pruned(buildDialect({ dialect, provesCallers })), additionalFields);
  const schema = withTypePrefix(limitAnswers(withGivenResults(used)), typePrefix);
  if (dialect !== 'none') schema.extensions = { ...schema.extensions, sdl: printed(schema, dialect) };
  return schema;
}

/** The schema of a server as SDL, in a stable order. With a dialect, the SDL for the supergraph. @throws {ConfigError} as {@link createSchema}. */
export function printedSchema(options: EngagementSchemaOptions): string {
  return printed(createSchema(options), options.dialect ?? 'none');
}
