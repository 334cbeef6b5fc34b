import type { Plugin } from 'graphql-yoga';

/** True for the media type of operations, whatever its case and parameters. */
export function isJsonType(contentType: string | null | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

/**
 * Takes operations by `POST` with `application/json` only: what a browser sends across sites without asking (forms, plain
 * text, links) never reaches the executor. GraphiQL's own page has been served before.
 */
export function useCheckRequest(): Plugin {
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      if (request.method !== 'POST') {
        endResponse(new fetchAPI.Response(null, { status: 405, headers: { allow: 'POST' } }));
        return;
      }
      if (!isJsonType(request.headers.get('content-type')))
        endResponse(new fetchAPI.Response(null, { status: 415, headers: { accept: 'application/json' } }));
    },
  };
}
