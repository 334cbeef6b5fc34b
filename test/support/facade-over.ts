import { startTestFacade, type TestFacade } from './facade.ts';
import { type Answer, type FakeUpstream, startUpstream } from './upstream.ts';

/** A facade, with the upstream behind it. */
export interface FacadeOver extends TestFacade {
  readonly upstream: FakeUpstream;
}

/** Starts an upstream that answers like this, and a facade over it. The parameters are those of each alone. */
export async function startFacadeOver(
  answer: Answer,
  env: Record<string, string> = {},
  integrationName?: string | Answer,
): Promise<FacadeOver> {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream(answer, integrationName));
  const facade = stack.use(await startTestFacade(upstream.url, env));
  return { ...facade, upstream, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
