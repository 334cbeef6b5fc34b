import SchemaBuilder, {
  type InputRef,
  type InterfaceRef,
  type MaybePromise,
  type ObjectRef,
  type OutputRef,
} from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import type { BulkRestoreState, BulkState } from '../../bulk/job.ts';
import type * as Input from '../../engagement/input.ts';
import { camelCase } from '../../engagement/resources.ts';
import type { Context } from './context.ts';
import type { DialectFieldOptions } from './dialects.ts';
import './dialects.ts';

/** The only schema builder. Fields are nullable by default. */
export const builder = new SchemaBuilder<{
  Context: Context;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date | string; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
    JSONObject: { Input: Record<string, unknown>; Output: Record<string, unknown> };
    Base64: { Input: never; Output: Buffer };
    _Any: { Input: unknown; Output: never };
  };
}>({ plugins: ['dialect'] });

/** The builder's types. */
export type Types = typeof builder.$inferSchemaTypes;

/**
 * A field or an argument in one text: the type as SDL writes it, the default of an argument, a colon, the description. Examples:
 * `[String!]!: What it is.` and `Boolean! = false: Whether it is.`
 */
export type Row = `${string}: ${string}`;

/** Splits a row at its first colon. */
function split(row: string): readonly [written: string, description: string] {
  const end = row.indexOf(': ');
  return [row.slice(0, end), row.slice(end + 2)];
}

function readRow(row: string) {
  const [written, description] = split(row);
  const [, isList, name = '', itemMark, mark, value = ''] =
    /^(\[)?(\w+)(?:(!)?\])?(!)?(?: = (\w+))?$/.exec(written) ?? [];
  const defaultValue = /^(true|false|\d+)$/.test(value) ? JSON.parse(value) : value || undefined;
  return { type: isList ? [name] : name, isNullable: !mark, hasNulls: isList && !itemMark, defaultValue, description };
}

/** Pothos' options of the field in a row. All JSON is a provider's own data: by its tag, a contract of the graph can leave it out. */
export function fieldOptions(row: string) {
  const { type, isNullable, hasNulls, description } = readRow(row);
  const nullable = (hasNulls ? { list: isNullable, items: true } : isNullable) as boolean;
  // Source of the tag: https://specs.apollo.dev/tag/v0.3
  return { type: type as never, nullable, description, ...(type === 'JSON' && { tag: 'internal' }) };
}

type NonNull<Type, Values> = Type extends `[${infer Item}!]`
  ? readonly NonNull<Item, Values>[]
  : Type extends keyof Values
    ? Values[Type]
    : unknown;

/** The value of a type as SDL writes it. */
type ValueOf<Type, Values> = Type extends `${infer Named}!`
  ? NonNull<Named, Values>
  : NonNull<Type, Values> | null | undefined;

type Inputs = Types['inputShapes'];

interface InputValues extends Inputs {
  EngagementType: Input.EngagementType;
  ResponseFormat: Input.ResponseFormat;
  EngagementSort: Input.EngagementSort;
  SortDirection: 'asc' | 'desc';
  EngagementFilter: Input.EngagementFilter;
  DeleteEngagementParameters: Input.DeleteEngagementParameters;
  DateTimeRange: NonNullable<Input.EngagementFilter['createdAt']>;
  RecordReferenceInput: Input.RecordReference;
}

type Outputs = Types['outputShapes'];

/** What resolvers return; the compiler does not check other enums and objects. */
interface OutputValues extends Outputs {
  BulkDeleteState: BulkState;
  BulkRestoreState: BulkRestoreState;
}

/** Arguments by name: rows, or Pothos' own options for input types that {@link InputValues} does not have. */
export type InputRows = Readonly<
  Record<string, Row | { readonly type: unknown; readonly required: true; readonly description: string }>
>;

type InputOf<Given> = Given extends `${infer Type}: ${string}`
  ? ValueOf<Type extends `${infer Named} = ${string}` ? Named : Type, InputValues>
  : Given extends { readonly type: InputRef<infer Value> }
    ? Value
    : Given extends { readonly type: readonly [InputRef<infer Value>] }
      ? readonly Value[]
      : never;

/** The values of arguments. */
export type InputsOf<Rows> = { readonly [Name in keyof Rows]: InputOf<Rows[Name]> };

function inputFields(rows: InputRows, t: { field(options: never): unknown }): never {
  const fields = Object.entries(rows).map(([name, row]) => {
    if (typeof row !== 'string') return [name, t.field(row as never)];
    const { type, isNullable, defaultValue, description } = readRow(row);
    return [name, t.field({ type, required: !isNullable, defaultValue, description } as never)];
  });
  return Object.fromEntries(fields) as never;
}

/** Pothos' arguments. */
export const argsOf = (rows: InputRows) => builder.args((t) => inputFields(rows, t));

/** Adds an input type. */
export function inputType<const Rows extends InputRows>(named: Row, rows: Rows) {
  const [name, description] = split(named);
  const ref = builder.inputType(name, { description, fields: (t) => inputFields(rows, t) });
  // Pothos infers from a builder's calls, not from rows: `InputsOf` reads the rows' texts.
  return ref as unknown as InputRef<InputsOf<Rows>>;
}

/** Pothos' and the dialect plugin's options of a field. */
interface MoreOptions extends DialectFieldOptions {
  readonly args?: InputRows;
  readonly extensions?: object;
}

type Resolve<Source, Args, Value> = (source: Source, args: Args, context: Context, info: GraphQLResolveInfo) => Value;

interface Resolved {
  readonly resolve: unknown;
}

/** Makes a field with a resolver. The compiler checks the resolver's value if that is a scalar or in {@link OutputValues}. */
export type MakeField<Source> = <const Text extends Row, Args extends object>(
  row: Text,
  resolve: Resolve<
    Source,
    Args,
    MaybePromise<Text extends `${infer Type}: ${string}` ? ValueOf<Type, OutputValues> : never>
  >,
  more?: MoreOptions,
) => Resolved;

const makeField: MakeField<never> = (row, resolve, { args, ...more } = {}) => ({
  ...{ ...fieldOptions(row), ...more, resolve },
  ...(args && { args: argsOf(args) }),
});

/** The type of a property, as SDL writes it without a `!` at its end. Enums and objects may have any name in capitals. */
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

type Mark<Value> = null extends Value ? '' : undefined extends Value ? '' : '!';

/** A property that becomes a field unchanged, or a field with a resolver. */
type FieldRow<Source, Name> =
  | Resolved
  | (Name extends keyof Source ? `${Nullable<NonNullable<Source[Name]>>}${Mark<Source[Name]>}: ${string}` : never);

interface ObjectOptions {
  /** True if another subgraph may have the same type, with the same fields. */
  readonly shareable?: boolean;
  readonly interfaces?: InterfaceRef<Types, unknown>[];
}

/** Adds an object type, in two calls: `Name: What it is.`, then its fields. A row without a resolver shows the property of its name. */
export function objectType<Source extends object>(named: Row, options: ObjectOptions = {}) {
  const [name, description] = split(named);
  return <Names extends string>(
    given:
      | { readonly [Name in Names]: FieldRow<Source, Name> }
      | ((field: MakeField<Source>) => { readonly [Name in Names]: FieldRow<Source, Name> }),
  ) => {
    const rows = typeof given === 'function' ? given(makeField) : given;
    return builder.objectRef<Source>(name).implement({
      ...({ description, ...options } as object),
      fields: (t) =>
        Object.fromEntries(
          Object.entries<string | Resolved>(rows).map(([property, row]) => [
            camelCase(property),
            typeof row === 'string' ? t.expose(property as never, fieldOptions(row) as never) : t.field(row as never),
          ]),
        ),
    });
  };
}

/** Adds a field to an object type. */
export function addField<Source>(ref: ObjectRef<Types, Source>, name: string, ...row: Parameters<MakeField<Source>>) {
  builder.objectField(ref, name, (t) => t.field(makeField(...(row as Parameters<typeof makeField>)) as never));
}

type RootField<Value, Rows extends InputRows> = MoreOptions & {
  readonly args?: Rows;
  readonly resolve: Resolve<object, InputsOf<Rows>, MaybePromise<NoInfer<Value> | null | undefined>>;
} & ({ readonly type: OutputRef<Value>; readonly description: string } | { readonly row: Row });

/** Adds a field of `Query` or `Mutation`: nullable, with a type whose values the compiler checks; or as a row says. */
export function rootField<Value, const Rows extends InputRows>(
  operation: 'query' | 'mutation',
  name: string,
  { args, ...options }: RootField<Value, Rows>,
): void {
  const shown = 'row' in options ? fieldOptions(options.row) : {};
  const field = { ...options, ...shown, args: argsOf(args ?? {}) } as never;
  if (operation === 'query') builder.queryField(name, (t) => t.field(field));
  else builder.mutationField(name, (t) => t.field(field));
}

/** Adds an enum: `Name: What it is.`, and its values. The GraphQL name of each literal is the literal in capitals. */
export function enumOf<Literal extends string>(named: Row, values: Record<Literal, string>): void {
  const [name, description] = split(named);
  const entries = Object.entries<string>(values).map(([value, text]) => [
    value.toUpperCase(),
    { value, description: text },
  ]);
  builder.enumType(name, { description, values: Object.fromEntries(entries) });
}

/**
 * The cost of a field that sends a request upstream; other fields cost 1. Gateways can count with it
 * (https://specs.apollo.dev/cost/v0.1). This server has its own count, in `http/requests/document-limits.ts`.
 */
export const upstreamRequestCost = 10;
