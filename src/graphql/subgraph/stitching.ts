import { stitchingDirectives } from '@graphql-tools/stitching-directives';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { type GraphQLSchema, lexicographicSortSchema } from 'graphql';

const { keyDirective, mergeDirective } = stitchingDirectives();

/**
 * The directives that tell a gateway how to stitch, as far as they are used here.
 * Source: https://the-guild.dev/graphql/stitching/docs/approaches/stitching-directives
 */
export const usedStitchingDirectives = [keyDirective, mergeDirective];

/** The schema as `_sdl` shows it: with the directives that tell a gateway how to stitch. */
export function printStitching(schema: GraphQLSchema): string {
  return printSchemaWithDirectives(lexicographicSortSchema(schema));
}
