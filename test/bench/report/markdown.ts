import { warmUp } from '../measure.ts';
import type { Results } from '../results.ts';
import { startupWork } from '../works/startup.ts';
import { streamWork } from '../works/stream.ts';
import { comparedWorks } from '../works/works.ts';
import { caseOfTarget, quartiles } from './figures.ts';
import { goalTable, leadTable, shown, startupTable, workTable } from './tables.ts';

const megabyte = 1024 * 1024;

/** Joins the lines of a wrapped source text. */
const flow = (text: string) => text.replace(/\s*\n\s*/g, ' ');

function section(
  what: { readonly title: string; readonly equal: string; readonly differs: string },
  body: string,
): string {
  return [`## ${what.title}`, `Same for all: ${flow(what.equal)}`, `Differs: ${flow(what.differs)}`, body].join('\n\n');
}

function lead({ works }: Results): readonly string[] {
  const deletes = works.find(({ work }) => work.name === 'delete-all');
  const facade = deletes && caseOfTarget(deletes, 'facade');
  const rate = facade && quartiles(facade, ({ requestsPerSecond }) => requestsPerSecond)?.median;
  if (!deletes || rate === undefined) return [];
  return [
    `This facade deletes **${shown(rate)} engagements a second on one core**, one in each request, with every field selected.`,
    leadTable(deletes),
    flow(`The *raw POST proxy* is a proxy written by hand for exactly this request: \`node:http\`, undici's \`Pool.request\`, fields
picked, \`JSON.stringify\`. The *bare road* is the fastest server that this stack allows: \`node:http\`, undici's \`Pool.dispatch\`,
\`JSON.parse\`, and the answer's text written straight from the record. Neither has GraphQL, limits, typed errors, a log or
metrics. The other servers are [configured](#how-the-servers-are-configured) for speed. They serve only the part of the schema
that is selected here, and do less for each delete: see [the first table](#a-delete-all-fields).`),
    '![Deletes per second against the raw POST proxy](images/benchmarks.svg)',
  ];
}

function method({ rounds, seconds, isPinned, generator }: Results): string {
  const pinned = isPinned
    ? 'The measured server runs on core 0. The load generator, upstream and the bench share core 1.'
    : 'No process is pinned to a core here: servers and load compete for the same cores.';
  return [
    `Servers run side by side, over an upstream of bare sockets that answers immediately. ${pinned} The load generator is ${generator}.`,
    `Each server is warmed up by ${warmUp.requests.toLocaleString('en')} requests for each table, or by as many as it answers in ${warmUp.seconds} s. Rows of one server share the warm-up.`,
    `Then each row is measured for ${seconds} s in each of ${rounds} rounds. The order within a round is random.`,
    `Figures are medians over the rounds, with the lower and upper quartile in parentheses. Ratios are computed within a round, so that noise affects both sides.`,
    'Rates do not count failed requests: refused connections, timeouts, and statuses other than 2xx.',
    `CPU time is that of the server's processes.`,
    `A row counts only if the server's answers, as parsed JSON, are deeply equal to the expected ones before and after.`,
  ]
    .map((line) => `- ${line}`)
    .join('\n');
}

const facadeConfiguration = `This facade runs as users run it: \`src/main.ts\` with all plugins, \`passthrough\`, metrics on, a log line for each
delete written to a file. Only \`TRUTO_RATE_LIMITS\` is 0. Otherwise Truto's limit of 50 requests in 10 s would be the figure.`;

const peerConfiguration = [
  facadeConfiguration,
  'Every server runs with `NODE_ENV=production`, in one process.',
  `Mercurius compiles each operation by graphql-jit from its first request. Fastify's logger writes one line for each request, in batches.
It has no metrics.`,
  `Yoga has its body limit, CORS, GraphiQL, multipart and logger off. Its body limit alone costs half of its speed. Envelop's JIT
made no measurable difference and is left out. It has no request log and no metrics.`,
  `Apollo Server uses RESTDataSource, Apollo's own client for REST, with a fetch over undici's Pool. It has no JIT, no request
log and no metrics.`,
  `graphql-http gets a cache of parsed and validated documents, which it does not have itself. It has no JIT, log or metrics.`,
  `Hive Gateway runs with \`--jit\` and Prometheus metrics for requests and their durations. It writes no line for each request.`,
  `tailcall is a Rust binary without a request log; its metrics go to OpenTelemetry only and are off.`,
]
  .map((line) => `- ${flow(line)}`)
  .join('\n');

function machine({ machine: { processor, cores, memoryGigabytes, system, node }, date }: Results): string {
  return `${date}, ${processor}, ${cores} cores, ${memoryGigabytes} GB, ${system}, Node ${node}.`;
}

function streamSection({ stream }: Results): readonly string[] {
  if (!stream) return [];
  const { bodyBytes, deliveredBytes, grownBytes, pulledAsleepBytes } = stream;
  const megabytes = (bytes: number) => `${Math.round(bytes / megabyte)} MB`;
  const grown = grownBytes === undefined ? 'an unknown amount' : megabytes(grownBytes);
  const body = `${megabytes(deliveredBytes)} of ${megabytes(bodyBytes)} were delivered. The server's peak grew by ${grown}.
${megabytes(pulledAsleepBytes)} were read from upstream while the client slept.`;
  return [section(streamWork, flow(body))];
}

function goalSection(results: Results): readonly string[] {
  const table = goalTable(results);
  if (table === '') return [];
  return [
    '## Goals',
    'Each figure is computed from the tables above. [ADR 10](adr/0010-prepared-operations.md) says where the time goes.',
    table,
  ];
}

/** The beginning of a document that compares the facade with its peers. */
function comparedHead(results: Results): readonly string[] {
  const others = `[benchmarks-alone.md](benchmarks-alone.md) has the facade alone: failures, refusals, entities, many documents,
accounts and connections, streams. [benchmarks-bulk.md](benchmarks-bulk.md) has bulk deletes.`;
  return ['# Benchmarks', ...lead(results), flow(others)];
}

const aloneHead = [
  '# Benchmarks of the facade alone',
  flow(`This page has the facade's speed when it fails, refuses, resolves entities and streams, and with many documents, accounts
and connections. [benchmarks.md](benchmarks.md) compares it with other servers.`),
];

/** The results as a document: the main figures first, then method and machine, tables, and goals. */
export function writeMarkdown(results: Results): string {
  const { works, startup, versions, command, asked } = results;
  const isCompared = [...comparedWorks, startupWork].some(({ name }) => asked.includes(name));
  return `${[
    ...(isCompared ? comparedHead(results) : aloneHead),
    '## How it is measured',
    `Written by \`${command}\`. ${machine(results)}`,
    method(results),
    '## How the servers are configured',
    isCompared ? peerConfiguration : flow(facadeConfiguration),
    ...works.map((result) => section(result.work, workTable(result))),
    ...(startup ? [section(startupWork, startupTable(startup))] : []),
    ...streamSection(results),
    '## Versions',
    versions.join(', '),
    ...goalSection(results),
  ].join('\n\n')}\n`;
}
