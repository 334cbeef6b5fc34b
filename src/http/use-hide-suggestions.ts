import type { Plugin } from 'graphql-yoga';

/**
 * Takes "Did you mean …?" out of every error, whoever made it: of a document that is parsed, validated or executed. The
 * names it gives away are the schema's.
 */
export function useHideSuggestions(): Plugin {
  return {
    onResultProcess({ result }) {
      if (Array.isArray(result) || !('errors' in result)) return;
      for (const error of result.errors ?? []) error.message = error.message.replace(/\s*Did you mean .+\?$/s, '');
    },
  };
}
