import { type GraphQLSchema, Kind } from 'graphql';
import type { Plugin, YogaInitialContext } from 'graphql-yoga';
import { requestError } from '../graphql/core/top-level-errors.ts';
import { type Admission, admit, type ContextOptions } from './context.ts';
import { needsCaller } from './document-size.ts';
import type { ServerContext } from './yoga.ts';

/** Who asks for the operation, once {@link useAdmitCallers} has found out. */
export function admissionOf({ admission }: ServerContext): Admission {
  if (!admission) throw new Error('The request was not admitted.');
  return admission;
}

/**
 * Refuses callers who may not call at all, before their document is validated: a bad token before the document is parsed, and a
 * request without a token as soon as its root fields are known to need a caller. Fields that are skipped count too, and so do fields that
 * the schema does not have.
 */
export function useAdmitCallers(
  schema: GraphQLSchema,
  options: ContextOptions,
): Plugin<ServerContext & YogaInitialContext, ServerContext> {
  return {
    async onParams({ request, context }) {
      context.admission = await (context.req?.admission ?? admit(request.headers.get('authorization'), options));
    },
    onParse({ context }) {
      if (admissionOf(context).caller !== null) return undefined;
      return ({ result }) => {
        if (result?.kind !== Kind.DOCUMENT) return;
        // Thrown: of an error that replaces the document, Yoga makes one of the document itself, with another status.
        if (needsCaller(schema, result, context.params.operationName)) throw requestError('UNAUTHENTICATED');
      };
    },
  };
}
