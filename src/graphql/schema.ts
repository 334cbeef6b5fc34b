import { GraphQLDeferDirective, GraphQLStreamDirective } from '@graphql-tools/utils';
import { GraphQLSchema, lexicographicSortSchema, printSchema, specifiedDirectives } from 'graphql';
import { type Dialect, parseSettings } from '../config/config.ts';
import './bulk/bulk-operations.ts';
import { builder } from './core/builder.ts';
import type { DialectOptions } from './core/dialect-plugin.ts';
import { limitAnswers } from './core/limit-answer.ts';
import { withTypePrefix, withTypePrefixInText } from './core/type-names.ts';
import './delete/delete-engagement.ts';
import './delete/delete-engagements.ts';
import './read/engagement-queries.ts';
import './read/node.ts';
import './subgraph/entities.ts';
import {
  completeSubgraph,
  federationDirectives,
  federationLinkUrl,
  printFederation,
  printStitching,
  usedStitchingDirectives,
} from './subgraph/dialects.ts';
import './types/integration.ts';

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be changed. Fields run one after another, in the order written.' });
builder.subscriptionType({ description: 'What can be followed, as `text/event-stream` or `multipart/mixed`.' });
builder.queryField('_sdl', (t) =>
  t.string({
    nullable: false,
    onlyIn: 'stitching',
    isOpen: true,
    description: 'This schema with its stitching directives, for the gateway that stitches it.',
    resolve: (_root, _args, _context, { schema }) => String(schema.extensions.sdl),
  }),
);

const directives = [...specifiedDirectives, GraphQLDeferDirective, GraphQLStreamDirective];

/** Which of a server's schemas. */
export interface EngagementSchemaOptions {
  /** How it tells a supergraph of itself, as `SUBGRAPH`. @default 'none' */
  readonly dialect?: Dialect;
  /** Comes before the names of types that your graph may have of its own, as `TYPE_PREFIX`; not without a dialect. */
  readonly typePrefix?: string;
  /** As the server has it with `AUTH_MODE=service`: federation is then told which fields need a caller. @default false */
  readonly provesCallers?: boolean;
}

/** The same, complete. */
export type SchemaOptions = Required<EngagementSchemaOptions>;

/**
 * The options with what they leave out. The same rules hold as for the settings, in the same words.
 * @throws {ConfigError} for a dialect or a prefix that cannot be.
 */
export function checkedSchemaOptions({
  dialect = 'none',
  typePrefix = '',
  provesCallers = false,
}: EngagementSchemaOptions): SchemaOptions {
  parseSettings({ SUBGRAPH: dialect, TYPE_PREFIX: typePrefix });
  return { dialect, typePrefix, provesCallers };
}

function buildDialect(options: DialectOptions): GraphQLSchema {
  switch (options.dialect) {
    case 'none':
      return builder.toSchema({ ...options, directives });
    case 'stitching':
      return builder.toSchema({ ...options, directives: [...directives, ...usedStitchingDirectives] });
    case 'federation': {
      const used = options.provesCallers ? [...federationDirectives, '@authenticated'] : federationDirectives;
      const link = { linkUrl: federationLinkUrl, federationDirectives: used };
      return builder.toSubGraphSchema({ ...options, ...link, directives });
    }
  }
}

const printers = { none: printSchema, federation: printFederation, stitching: printStitching };

function printed(schema: GraphQLSchema, dialect: Dialect): string {
  return `${printers[dialect](lexicographicSortSchema(schema)).trim()}\n`;
}

/** Without the types that only another dialect uses. */
function withoutUnused(schema: GraphQLSchema): GraphQLSchema {
  return new GraphQLSchema({ ...schema.toConfig(), types: [] });
}

/** Makes the schema of a server, from every module above. What a supergraph reads of it is in `extensions.sdl`. */
export function createSchema({ typePrefix, ...options }: SchemaOptions): GraphQLSchema {
  const plain = limitAnswers(withoutUnused(buildDialect(options)));
  if (options.dialect === 'none') return plain;
  const sdl = withTypePrefixInText(printed(plain, options.dialect), typePrefix);
  const schema = withTypePrefix(plain, typePrefix);
  schema.extensions = { ...schema.extensions, sdl };
  return options.dialect === 'federation' ? completeSubgraph(schema, sdl) : schema;
}

/** The schema of a server as text, in a stable order: of a dialect's, what it tells a supergraph. */
export function printedSchema(options: SchemaOptions): string {
  const schema = createSchema(options);
  return options.dialect === 'none' ? printed(schema, 'none') : String(schema.extensions.sdl);
}
