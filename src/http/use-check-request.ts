import type { Plugin } from 'graphql-yoga';
import { type RequestErrorCode, requestRefusal } from '../graphql/core/top-level-errors.ts';

/** True for a parameter of a media type that says another character set than UTF-8. */
function isOtherCharset(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=', 2);
  if (name.trim().toLowerCase() !== 'charset') return false;
  return !['utf-8', 'utf8'].includes(value.trim().replaceAll('"', '').toLowerCase());
}

/**
 * Says what keeps a body from being read as JSON in UTF-8, by its headers; undefined when nothing does. Read as what it is
 * not, an id in it may become another's.
 */
export function findUnreadable(contentType = '', contentEncoding = ''): string | undefined {
  const [type = '', ...parameters] = contentType.split(';');
  if (type.trim().toLowerCase() !== 'application/json') return 'The Content-Type is not application/json.';
  if (parameters.some(isOtherCharset)) return 'The Content-Type says another charset than utf-8.';
  const isPlain = contentEncoding === '' || contentEncoding.trim().toLowerCase() === 'identity';
  return isPlain ? undefined : 'The body has a Content-Encoding, and none is read.';
}

const sendJson = 'Nothing was executed. Send the operation as JSON in UTF-8, with Content-Type: application/json.';

/**
 * Takes operations by `POST` with `application/json` only: what a browser sends across sites without asking (forms, plain
 * text, links) never reaches the executor. GraphiQL's own page has been served before. What is refused by its path, here or
 * by Yoga, has a reason too.
 */
export function useCheckRequest(): Plugin {
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      function refuse(code: RequestErrorCode, headers: Record<string, string>, message?: string): void {
        const { status, body } = requestRefusal(code, message);
        endResponse(
          new fetchAPI.Response(body, { status, headers: { 'content-type': 'application/json', ...headers } }),
        );
      }
      if (request.method !== 'POST') return refuse('METHOD_NOT_ALLOWED', { allow: 'POST' });
      const contentType = request.headers.get('content-type') ?? undefined;
      const problem = findUnreadable(contentType, request.headers.get('content-encoding') ?? undefined);
      const readable = { accept: 'application/json', 'accept-encoding': 'identity' };
      if (problem !== undefined) refuse('UNSUPPORTED_MEDIA_TYPE', readable, `${problem} ${sendJson}`);
    },
    onResponse({ response, setResponse, fetchAPI }) {
      if (response.status !== 404) return;
      const { status, body } = requestRefusal('PATH_NOT_FOUND');
      setResponse(new fetchAPI.Response(body, { status, headers: { 'content-type': 'application/json' } }));
    },
  };
}
