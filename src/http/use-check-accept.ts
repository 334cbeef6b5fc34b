import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { requestError, requestRefusal } from '../graphql/core/top-level-errors.ts';

const singleResultTypes = ['application/graphql-response+json', 'application/json'];
const incrementalTypes = ['multipart/mixed', 'text/event-stream'];

/**
 * The media types of an Accept header as Yoga will read it once the result is there, oddities and all: whatever it would
 * turn down then must be turned down before. It skips an entry whose first parameter that mentions a charset is not
 * `charset=utf-8`, and knows no quality values.
 */
function mediaTypes(accept: string | null): readonly string[] {
  return (accept || '*/*')
    .replace(/\s/g, '')
    .toLowerCase()
    .split(',')
    .map((entry) => entry.split(';'))
    .filter(([, ...parameters]) => {
      const charset = parameters.find((parameter) => parameter.includes('charset='));
      return charset === undefined || charset === 'charset=utf-8';
    })
    .map(([type = '']) => type);
}

function matches(asked: string, offered: string): boolean {
  return asked === '*/*' || asked === offered || (asked.endsWith('/*') && offered.startsWith(asked.slice(0, -1)));
}

/** True when one of our answers may go to the client. */
function isAcceptable(accept: string | null): boolean {
  const offered = [...singleResultTypes, ...incrementalTypes];
  return mediaTypes(accept).some((type) => offered.some((candidate) => matches(type, candidate)));
}

/** True when the client says that it reads results in parts. `*` does not: it is what clients send unthinkingly. */
export function acceptsIncremental(accept: string | null): boolean {
  return mediaTypes(accept).some((asked) => incrementalTypes.includes(asked));
}

/**
 * True when a subscription goes out as multipart: the client says Apollo's `subscriptionSpec`, or reads no events.
 */
export function prefersMultipart(accept: string | null): boolean {
  const asked = mediaTypes(accept);
  if (!asked.some((type) => type.startsWith('multipart/') && matches(type, 'multipart/mixed'))) return false;
  return /subscriptionspec=/i.test(accept ?? '') || !asked.some((type) => matches(type, 'text/event-stream'));
}

function isOffered(asked: string, offered: string): boolean {
  const [askedType, askedSubtype] = asked.split('/');
  const [type, subtype] = offered.split('/');
  return (askedType === '*' || askedType === type) && (askedSubtype === '*' || askedSubtype === subtype);
}

/** What was found out for the headers that were seen last: clients send few different ones. */
const resultTypes = new LRUCache<string, { readonly type: string | undefined }>({ max: 100 });

/**
 * The media type in which Yoga answers a single result: the last one offered for the first that is asked for. Undefined
 * when the header allows none, or only results in parts.
 */
export function resultTypeFor(accept: string | null): string | undefined {
  const known = resultTypes.get(accept ?? '');
  if (known) return known.type;
  const type = findResultType(accept);
  resultTypes.set(accept ?? '', { type });
  return type;
}

function findResultType(accept: string | null): string | undefined {
  if (!isAcceptable(accept)) return undefined;
  const asked = mediaTypes(accept).find((type) => singleResultTypes.some((offered) => isOffered(type, offered)));
  return asked && singleResultTypes.findLast((offered) => isOffered(asked, offered));
}

/** True when a result in parts may go to the client, asked for or not. */
function isStreamable(accept: string | null): boolean {
  return mediaTypes(accept).some((asked) => incrementalTypes.some((offered) => matches(asked, offered)));
}

/**
 * Refuses a request whose Accept header allows no answer of ours, before it is executed. Yoga itself finds that out
 * when the result is there: the delete would be done, and its caller told 406 with an empty body; a subscription would be
 * followed by nobody.
 */
export function useCheckAccept(): Plugin<YogaInitialContext> {
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      if (isAcceptable(request.headers.get('accept'))) return;
      const { status, body } = requestRefusal('NOT_ACCEPTABLE');
      endResponse(new fetchAPI.Response(body, { status, headers: { 'content-type': 'application/json' } }));
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request } = args.contextValue;
      if (isStreamable(request.headers.get('accept'))) return;
      const message =
        'A subscription is answered as text/event-stream or multipart/mixed. Nothing was executed. Allow one of them in the Accept header.';
      setResultAndStopExecution({ errors: [requestError('NOT_ACCEPTABLE', message)] });
    },
  };
}
