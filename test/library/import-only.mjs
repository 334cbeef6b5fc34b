/* What an import of the package changes in a process: prints nothing by itself, and ends by itself. */
const symbols = () => Object.getOwnPropertySymbols(globalThis).map(String);
const names = () => Object.getOwnPropertyNames(globalThis);
const listeners = () => process.eventNames().map(String);
const [symbolsBefore, namesBefore, listenersBefore] = [symbols(), names(), listeners()];
const { createEngagementServer } = await import('truto-engagements-graphql');
await import('truto-engagements-graphql/config');
// Made, and never told to listen.
createEngagementServer({ PORT: 0 });
const added = (now, before) => now.filter((one) => !before.includes(one));
process.stdout.write(
  JSON.stringify({
    globals: [...added(symbols(), symbolsBefore), ...added(names(), namesBefore)],
    listeners: added(listeners(), listenersBefore),
    resources: process.getActiveResourcesInfo().filter((kind) => !/^(PipeWrap|TTYWrap)$/.test(kind)),
  }),
);
