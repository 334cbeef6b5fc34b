/**
 * What graphql-schema-linter, with all its rules, may pass over in schema.graphql and stitching.graphql.
 *
 * It cannot take federation.graphql: it wants every directive defined in the text, where federation has them linked, and
 * fields in the order of the alphabet, where Apollo prints them in its own. The types are those of schema.graphql.
 */
export const ignore = {
  // The field that gateways ask for the text. They have named it.
  'fields-are-camel-cased': ['Query._sdl'],
};
