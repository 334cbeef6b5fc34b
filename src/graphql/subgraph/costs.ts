/*
 * What a gateway may count, by https://specs.apollo.dev/cost/v0.1. This server counts by itself, and otherwise: see
 * `http/requests/document-limits.ts`.
 */

/** A field that takes a request to upstream, against 1 for one that shows what is there. */
export const upstreamRequestCost = 10;

/** How many related records an engagement has of one kind, when nobody knows. */
export const assumedRelatedCount = 10;
