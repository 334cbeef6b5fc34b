import type { Plugin } from 'graphql-yoga';

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
      const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
      if (type !== 'application/json')
        endResponse(new fetchAPI.Response(null, { status: 415, headers: { accept: 'application/json' } }));
    },
  };
}
