import { GraphQLDeferDirective, GraphQLStreamDirective } from '@graphql-tools/utils';
import { type GraphQLSchema, lexicographicSortSchema, printSchema, specifiedDirectives } from 'graphql';
import { builder } from './builder.ts';
import './account.ts';
import './contact.ts';
import './delete-engagement.ts';
import './engagement-queries.ts';
import './integration.ts';
import './lead.ts';
import './note.ts';
import './opportunity.ts';
import './owner.ts';
import './project.ts';

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be changed. Fields run one after another, in the order written.' });

/** The schema, from every module above. It knows no server: it is the same whoever serves it. */
export const schema: GraphQLSchema = builder.toSchema({
  directives: [...specifiedDirectives, GraphQLDeferDirective, GraphQLStreamDirective],
});

/** The schema as text in a stable order: what `schema/schema.graphql` must hold. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
