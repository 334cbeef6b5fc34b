import SchemaBuilder, { type InterfaceRef } from '@pothos/core';
import directivesPlugin from '@pothos/plugin-directives';
import federationPlugin from '@pothos/plugin-federation';
import type { Context } from './context.ts';
import './dialect-plugin.ts';

/** The one schema builder. Fields are nullable unless they say otherwise. */
export const builder = new SchemaBuilder<{
  Context: Context;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
    JSONObject: { Input: Record<string, unknown>; Output: Record<string, unknown> };
    Base64: { Input: never; Output: Buffer };
  };
  // Pothos calls the last plugin first: when the dialect reads directives, all of them are there.
}>({ plugins: ['dialect', directivesPlugin, federationPlugin] });

/** The builder's types. */
export type Types = typeof builder.$inferSchemaTypes;

/** The type of a property that may be null, as SDL writes it. Enums and objects go by any name in capitals. */
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

/** The name for callers of a property that goes by its wire name. */
export function camelCase(wireName: string): string {
  return wireName.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** For properties shown as they are: the type as SDL writes it, such as `[String!]!`, and the description. */
export type Shown<Source> = {
  readonly [Name in keyof Source & string]?: readonly [type: Written<Source[Name]>, description: string];
};

/** The field options of a type that is written as in SDL; items of lists are never null. */
export function typeOptions(written: string): { readonly type: never; readonly nullable: boolean } {
  const [, isList, name] = /^(\[?)(\w+)/.exec(written) ?? [];
  return { type: (isList ? [name] : name) as never, nullable: !written.endsWith('!') };
}

/**
 * The tag of a provider's own data, unprocessed: a contract of the graph can leave it out. All JSON here is such data.
 * Source: https://specs.apollo.dev/tag/v0.3
 */
export function tagOf(written: string): { readonly tag?: string } {
  return written === 'JSON' ? { tag: 'internal' } : {};
}

type FieldBuilder<Source> = PothosSchemaTypes.ObjectFieldBuilder<Types, Source>;

interface ObjectTypeOptions<Source> {
  readonly description: string;
  /** True where another subgraph may have the same type, with the same fields. */
  readonly shareable?: boolean;
  readonly interfaces?: InterfaceRef<Types, unknown>[];
  /** The properties that it shows. */
  readonly shows?: Shown<Source>;
  /** Further fields; `show` makes those of further properties, where the order matters. */
  readonly fields?: (t: FieldBuilder<Source>, show: (rows: Shown<Source>) => object) => object;
}

/** An object type. */
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

/** An enum: GraphQL's name for each of its literals, upstream's or our own, is the literal in capitals. */
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
 * The cost of a field that sends a request upstream, against 1 for one that shows what is there. Gateways may count by it
 * (https://specs.apollo.dev/cost/v0.1); this server counts by itself, in `http/requests/document-limits.ts`.
 */
export const upstreamRequestCost = 10;
