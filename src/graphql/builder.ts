import SchemaBuilder from '@pothos/core';
import directivesPlugin from '@pothos/plugin-directives';
import federationPlugin from '@pothos/plugin-federation';
import type { Context } from './context.ts';
import './subgraph/dialect-plugin.ts';

/** The one schema builder; the modules beside it add their types to it. Fields are nullable unless they say otherwise. */
export const builder = new SchemaBuilder<{
  Context: Context;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
    JSONObject: { Input: Record<string, unknown>; Output: Record<string, unknown> };
    Base64: { Input: never; Output: Buffer };
  };
  // Pothos asks the last one first: by the time a dialect looks at directives, all are there.
}>({ plugins: ['dialect', directivesPlugin, federationPlugin] });
