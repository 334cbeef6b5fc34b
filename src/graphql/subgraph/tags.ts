/**
 * The tag of what shows a provider's own data, unprocessed: a contract of the graph can leave it out.
 * Source: https://specs.apollo.dev/tag/v0.3
 */
export const internal = 'internal';
