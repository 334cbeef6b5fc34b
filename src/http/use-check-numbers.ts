import type { Plugin } from 'graphql-yoga';
import { requestError } from '../errors.ts';

/** The place of a number in the variables that JSON cannot have kept exactly; undefined when there is none. */
function findInexact(variables: unknown): string | undefined {
  const places: [path: string, value: unknown][] = [['', variables]];
  for (let place = places.pop(); place; place = places.pop()) {
    const [path, value] = place;
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return path.slice(1);
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, item] of Object.entries(value)) places.push([`${path}.${key}`, item]);
  }
  return undefined;
}

/** True when the variables hold an integer that JSON cannot have kept exactly. */
export function hasInexactNumber(variables: unknown): boolean {
  return findInexact(variables) !== undefined;
}

/**
 * Refuses variables with an integer beyond 2^53. GraphQL takes an id as a number too, but such a one lost its last
 * digits when the request's JSON was read: it would name another engagement. Nothing in the schema needs so large a number.
 */
export function useCheckNumbers(): Plugin {
  return {
    onParams({ params, setResult }) {
      const path = findInexact(params.variables);
      if (path === undefined) return;
      const message = `The variable ${path} is too long for a number and has lost digits: send it as a string.`;
      setResult({ errors: [requestError('BAD_USER_INPUT', message)] });
    },
  };
}
