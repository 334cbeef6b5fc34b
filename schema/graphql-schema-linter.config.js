/**
 * The exceptions of graphql-schema-linter, with all its rules, for schema.graphql and stitching.graphql.
 *
 * It cannot check federation.graphql. It requires a definition of every directive, but federation links them, and fields in alphabetical
 * order, but Apollo prints its own order. The types are those of schema.graphql.
 */
export const ignore = {
  // Stitching gateways read the SDL from a field with this name.
  'fields-are-camel-cased': ['Query._sdl'],
};
