import { builder } from './builder.ts';
import type { Related } from './related.ts';

/*
 * The types of related records. They refer to each other in circles, so each is declared here and gets its fields in a
 * module of its own.
 */

/** A user of the CRM: upstream's `users`. */
export const Owner = builder.objectRef<Related<'users'>>('Owner');
/** A person: upstream's `contacts`. */
export const Contact = builder.objectRef<Related<'contacts'>>('Contact');
/** A company: upstream's `accounts`. */
export const Account = builder.objectRef<Related<'accounts'>>('Account');
/** A deal: upstream's `opportunities`. */
export const Opportunity = builder.objectRef<Related<'opportunities'>>('Opportunity');
/** Upstream's `leads`. */
export const Lead = builder.objectRef<Related<'leads'>>('Lead');
/** Upstream's `projects`. */
export const Project = builder.objectRef<Related<'projects'>>('Project');
/** Upstream's `notes`. */
export const Note = builder.objectRef<Related<'notes'>>('Note');
