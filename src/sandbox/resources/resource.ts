import type { SandboxAccount } from '../accounts.ts';
import { type OptionalField, withGaps } from '../gaps.ts';
import type { ListFilters } from '../list-filters.ts';
import { createRandom, type Random } from '../random.ts';
import type { RecordsByKind, RelatedKind } from '../record-kind.ts';
import { relatedIds } from '../related.ts';

/** A resource that engagements refer to. */
export interface Resource<Kind extends RelatedKind> {
  /** Also its name in paths. */
  readonly kind: Kind;
  readonly filters: ListFilters<RecordsByKind[Kind]>;
  /**
   * The records of an account as a fresh sandbox holds them; the same on every machine. The first has a value in every
   * field, the further ones leave some null and some out.
   */
  seed(account: SandboxAccount): readonly RecordsByKind[Kind][];
}

/** What a record is made from. */
export interface RecordOrigin {
  readonly account: SandboxAccount;
  readonly id: string;
  /** Counts from 0 among the account's records of this kind. */
  readonly place: number;
  /** Depends on account, kind and place alone, so that a change to one record leaves the others as they are. */
  readonly random: Random;
}

/** What {@link createResource} is told. */
export interface ResourceDefinition<Kind extends RelatedKind> {
  readonly kind: Kind;
  readonly filters: ListFilters<RecordsByKind[Kind]>;
  /** The fields that go missing now and then; never a name that other records show. */
  readonly gaps: readonly OptionalField<RecordsByKind[Kind]>[];
  /** Makes a record with a value in every field. */
  create(origin: RecordOrigin): RecordsByKind[Kind];
}

/** Creates a resource that makes each account's records once. */
export function createResource<Kind extends RelatedKind>(definition: ResourceDefinition<Kind>): Resource<Kind> {
  const { kind, filters, gaps, create } = definition;
  const cache = new Map<SandboxAccount, readonly RecordsByKind[Kind][]>();
  return {
    kind,
    filters,
    seed(account) {
      const known = cache.get(account);
      if (known !== undefined) {
        return known;
      }
      const records = relatedIds(account, kind).map((id, place) => {
        const random = createRandom(`${account.integration.label} ${kind} ${place} record`);
        return withGaps(create({ account, id, place, random }), place, gaps);
      });
      cache.set(account, records);
      return records;
    },
  };
}
