import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectRef } from '@pothos/core';
import type { Refusal } from '../../engagement/result.ts';
import { argsOf, builder, type InputRows, type InputsOf, type Types } from './builder.ts';
import { type Context, requireCaller } from './context.ts';
import { failedRead, fieldError } from './top-level-errors.ts';

/** How often a subscription reads, in milliseconds. */
const intervalMs = 1_000;

/** How long a look-up of the caller's account may take, in milliseconds: a subscription outlives the operation's deadline. */
export const lookupTimeoutMs = 5_000;

interface Followed<Item> {
  /** Reads what is new. An error ends the subscription. */
  readonly read: () => Promise<readonly Item[]>;
  /** True when nothing follows what was read. */
  readonly hasEnded?: () => boolean;
  /** Why the caller has lost access; undefined if not. */
  readonly confirm: (deadlineAt: number) => Promise<Refusal | undefined>;
  /** The message once the caller's token has expired. */
  readonly expired: string;
}

/**
 * The events of a subscription: what is new, once a second, until it ends, the server drains, or the caller loses access. It reads no
 * faster than its client, so it needs no buffer. An error is the last event: the client learns why the stream ends.
 */
export async function* follow<Item>(
  { read, hasEnded = () => false, confirm, expired }: Followed<Item>,
  context: Context,
): AsyncGenerator<Item | Error> {
  try {
    const caller = requireCaller(context);
    let confirmAt = performance.now() + context.confirmIntervalMs;
    for (;;) {
      const items = await read();
      if (confirmAt <= performance.now()) {
        const refusal = await confirm(performance.now() + lookupTimeoutMs);
        if (refusal) throw failedRead(refusal);
        confirmAt = performance.now() + context.confirmIntervalMs;
      }
      if ((caller.expiresAt ?? Number.POSITIVE_INFINITY) <= performance.now())
        throw fieldError('UNAUTHENTICATED', expired);
      for (const item of items) {
        context.answerRoom.reset();
        yield item;
      }
      if (hasEnded() || context.draining.aborted || context.hasCallerLeft()) return;
      await sleep(intervalMs, undefined, { signal: context.draining }).catch(() => {});
    }
  } catch (error) {
    yield error instanceof Error ? error : new Error(String(error));
  }
}

interface SubscriptionField<Item, Rows> {
  readonly type: ObjectRef<Types, Item>;
  readonly description: string;
  readonly args: Rows;
  /** An error fails the request itself. */
  readonly subscribe: (args: InputsOf<Rows>, context: Context) => Promise<AsyncIterable<Item | Error>>;
}

/** Adds a field of `Subscription`, with the events of {@link follow}. */
export function subscriptionField<Item, const Rows extends InputRows>(
  name: string,
  { args, subscribe, ...options }: SubscriptionField<Item, Rows>,
): void {
  const field = {
    ...options,
    args: argsOf(args),
    subscribe: (_root: object, given: InputsOf<Rows>, context: Context) => subscribe(given, context),
    resolve(event: Item | Error) {
      if (event instanceof Error) throw event;
      return event;
    },
  };
  builder.subscriptionField(name, (t) => t.field(field as never));
}
