/** Modules that decide together, and the tests that must notice a change of them: file names without `test/` and `.test.ts`. */
export interface Area {
  /** A module belongs to the first area that has it. */
  readonly modules: readonly string[];
  /** In rounds: a mutant that the first round lets through goes to the next. What is quick comes first. */
  readonly rounds: readonly (readonly string[])[];
}

/** All modules whose mutants are tried. Names may have wildcards, those of tests too: new files are taken along. */
export const areas: readonly Area[] = [
  {
    modules: ['src/engagement/delete/shared-deletes.ts'],
    rounds: [['shared-deletes*', 'repeated-delete-again', 'delete-memory']],
  },
  {
    modules: ['src/engagement/delete/{delete-memory,audit}.ts'],
    rounds: [
      ['delete-memory', 'repeated-delete*', 'audit'],
      ['shared-deletes*', 'upstream-keys', 'delete-engagements'],
    ],
  },
  {
    modules: ['src/engagement/delete/{delete-engagement,snapshot}.ts', 'src/engagement/result.ts'],
    rounds: [
      ['delete-engagement', 'snapshot', 'dry-run', 'delete-memory'],
      ['repeated-delete*', 'grants', 'upstream-keys', 'audit'],
    ],
  },
  {
    modules: ['src/engagement/delete/{outcome,evidence}.ts', 'src/engagement/{refusal,body}.ts'],
    rounds: [
      ['outcome', 'success-outcome', 'evidence', 'unknown-outcome', 'upstream-error', 'rate-limit', 'prepared'],
      ['repeated-delete*', 'upstream-prose', 'upstream-bodies', 'snapshot', 'integrated-account', 'attempts', 'reads'],
    ],
  },
  {
    modules: ['src/engagement/account.ts', 'src/engagement/integrations.ts'],
    rounds: [
      ['integrated-account', 'integrations', 'dry-run'],
      ['delete-engagement', 'outcome', 'upstream-prose'],
    ],
  },
  {
    modules: ['src/engagement/delete/delete-many.ts', 'src/engagement/{request,rules,input}.ts'],
    rounds: [
      ['request', 'rules', 'ids', 'delete-many', 'selection', 'query-string'],
      ['delete-engagement*', 'dry-run', 'hostile-ids', 'hostile-input', 'repeated-delete-identity', 'limits'],
    ],
  },
  {
    modules: ['src/engagement/*.ts'],
    rounds: [
      ['record', 'success-outcome', 'shapes', 'node-id', 'read*', 'prepared', 'snapshot'],
      ['related*', 'limits', 'delete-engagements', 'outcome', 'hostile-input', 'prototypes', 'subgraph', 'bulk-limits'],
    ],
  },
  {
    modules: ['src/graphql/prepared/*.ts'],
    rounds: [
      ['prepared*', 'front-door*'],
      ['delete-engagement', 'audit', 'repeated-delete*', 'limits'],
    ],
  },
  {
    modules: ['src/upstream/{shared-budget,rate-budget}.ts'],
    rounds: [
      ['resilience-budgets', 'shared-limits', 'shared-budget*', 'rate-budget*'],
      ['attempts-rate-limited', 'resilience', 'bulk-callers'],
    ],
  },
  {
    modules: ['src/upstream/{retry,status,breaker,permits,deadlines,lanes,send}.ts'],
    rounds: [
      ['attempts-delays', 'resilience-breaker', 'resilience-budgets', 'retry-after', 'permits', 'send', 'lanes*'],
      [
        'attempts',
        'resilience-accounts',
        'resilience-return',
        'upstream-keys',
        'attempts-rate-limited',
        'resilience',
        'overload',
      ],
    ],
  },
  {
    modules: ['src/upstream/*.ts'],
    rounds: [
      ['query-string', 'tracing', 'upstream-bodies', 'faults-answers', 'exchange*', 'client'],
      [
        'faults',
        'faults-connections',
        'faults-unreachable',
        'redirects',
        'outbound-proxy',
        'stream',
        'stream-limits',
        'send',
      ],
    ],
  },
  {
    modules: ['src/redis/*.ts'],
    rounds: [
      ['redis*', 'shared-deletes-lost'],
      ['shared-deletes', 'shared-limits'],
    ],
  },
  {
    modules: ['src/bulk/{job-scripts,run-*,work}.ts'],
    rounds: [
      ['bulk', 'run-*', 'keep-page*', 'job-*', 'bulk-snapshot'],
      [
        'bulk-steering',
        'bulk-recovery',
        'bulk-account',
        'bulk-progress',
        'bulk-callers',
        'bulk-limits',
        'bulk-replicas',
      ],
    ],
  },
  {
    modules: ['src/http/callers/*.ts'],
    rounds: [
      ['callers', 'auth*', 'grants'],
      ['key-set', 'bulk-callers', 'stream'],
    ],
  },
  {
    modules: ['src/http/{front-door,request-body,answers/*,requests/*}.ts'],
    rounds: [
      ['front-door*', 'ids', 'unexpected-error', 'request-body*', 'mask-error*', 'accepted-requests'],
      ['hostile-input', 'limits', 'listener', 'spec', 'slow-sockets', 'waits'],
    ],
  },
];
