import type { EngagementRecord } from './record.ts';
import type {
  AccountRecord,
  ContactRecord,
  LeadRecord,
  NoteRecord,
  OpportunityRecord,
  ProjectRecord,
  UserRecord,
} from './related-records.ts';

/** What a record of each kind looks like, by the name of its unified resource. */
export interface RecordsByKind {
  readonly engagements: EngagementRecord;
  readonly users: UserRecord;
  readonly contacts: ContactRecord;
  readonly accounts: AccountRecord;
  readonly opportunities: OpportunityRecord;
  readonly leads: LeadRecord;
  readonly projects: ProjectRecord;
  readonly notes: NoteRecord;
}

/** The kinds of record in a sandbox. */
export type RecordKind = keyof RecordsByKind;

/** The kinds that engagements refer to. */
export type RelatedKind = Exclude<RecordKind, 'engagements'>;
