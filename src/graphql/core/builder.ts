import SchemaBuilder, { type InterfaceRef } from '@pothos/core';
import directivesPlugin from '@pothos/plugin-directives';
import federationPlugin from '@pothos/plugin-federation';
import { camelCase } from '../../engagement/resources.ts';
import type { Context } from './context.ts';
import './dialect-plugin.ts';

/** The only schema builder. Fields are nullable by default. */
export const builder = new SchemaBuilder<{
  Context: Context;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date | string; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
    JSONObject: { Input: Record<string, unknown>; Output: Record<string, unknown> };
    Base64: { Input: never; Output: Buffer };
  };
  // Pothos calls the last plugin first, so the dialect plugin sees all directives.
}>({ plugins: ['dialect', directivesPlugin, federationPlugin] });

/** The builder's types. */
export type Types = typeof builder.$inferSchemaTypes;

/** The nullable type of a property, as SDL writes it. Enums and objects may have any name in capitals. */
type Nullable<Value> = [Value] extends [readonly (infer Item)[]]
  ? `[${Nullable<Item>}!]`
  : [Value] extends [boolean]
    ? 'Boolean'
    : [Value] extends [number]
      ? 'Int' | 'Float'
      : [Value] extends [string]
        ? string extends Value
          ? 'String' | 'ID'
          : Capitalize<string>
        : Capitalize<string>;

type Written<Value> = null extends Value
  ? Nullable<NonNullable<Value>>
  : undefined extends Value
    ? Nullable<NonNullable<Value>>
    : `${Nullable<Value>}!`;

/** Properties that become fields unchanged: the type as SDL writes it, such as `[String!]!`, and the description. */
export type Shown<Source> = {
  readonly [Name in keyof Source & string]?: readonly [type: Written<Source[Name]>, description: string];
};

/** The field options of a type written as in SDL. Items of lists are never null. */
export function typeOptions(written: string): { readonly type: never; readonly nullable: boolean } {
  const [, isList, name] = /^(\[?)(\w+)/.exec(written) ?? [];
  return { type: (isList ? [name] : name) as never, nullable: !written.endsWith('!') };
}

/**
 * The tag of a provider's own data, so that a contract of the graph can leave it out. All JSON here is such data.
 * Source: https://specs.apollo.dev/tag/v0.3
 */
export function tagOf(written: string): { readonly tag?: string } {
  return written === 'JSON' ? { tag: 'internal' } : {};
}

type FieldBuilder<Source> = PothosSchemaTypes.ObjectFieldBuilder<Types, Source>;

interface ObjectTypeOptions<Source> {
  readonly description: string;
  /** True if another subgraph may have the same type, with the same fields. */
  readonly shareable?: boolean;
  readonly interfaces?: InterfaceRef<Types, unknown>[];
  readonly shows?: Shown<Source>;
  /** More fields. `show` creates fields of more properties, where the order matters. */
  readonly fields?: (t: FieldBuilder<Source>, show: (rows: Shown<Source>) => object) => object;
}

/** Adds an object type. */
export function objectType<Source extends object>(
  name: string,
  { shows = {}, fields, ...options }: ObjectTypeOptions<Source>,
) {
  const showBy = (t: FieldBuilder<Source>) => (rows: Shown<Source>) =>
    Object.fromEntries(
      Object.entries<readonly [string, string]>(rows as never).map(([property, [written, description]]) => [
        camelCase(property),
        t.expose(property as never, { ...typeOptions(written), ...tagOf(written), description } as never),
      ]),
    );
  return builder.objectRef<Source>(name).implement({
    ...(options as object),
    fields: (t) => ({ ...showBy(t)(shows), ...fields?.(t, showBy(t)) }),
  });
}

/** Adds an enum. The GraphQL name of each literal is the literal in capitals. */
export function enumOf<Literal extends string>(name: string, description: string, values: Record<Literal, string>) {
  const entries = Object.entries<string>(values).map(([value, text]) => [
    value.toUpperCase(),
    { value, description: text },
  ]);
  return builder.enumType<string, Record<string, { value: Literal; description: string }>>(name, {
    description,
    values: Object.fromEntries(entries),
  });
}

/**
 * The cost of a field that sends a request upstream; other fields cost 1. Gateways can count with it
 * (https://specs.apollo.dev/cost/v0.1). This server has its own count, in `http/requests/document-limits.ts`.
 */
export const upstreamRequestCost = 10;
