import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import {
  type RedisProcess,
  type RedisProgram,
  type RedisServer,
  type RedisServerOptions,
  startRedis,
  startRedisProcess,
} from './redis-server.ts';

/** Several Redis servers that take each other's place. */
export interface RedisGroup extends RedisServer {
  readonly nodes: readonly RedisProcess[];
  /** None in a cluster. */
  readonly sentinels: readonly RedisProcess[];
  /** The primary that has the keys `{engagements}:…`; undefined while there is none. */
  primary(): Promise<RedisProcess | undefined>;
}

/** A copy is made at once, not when others may have asked for one too. */
const copiesAtOnce = ['--repl-diskless-sync-delay', '0'];

/** How long a group may take until it is ready, in milliseconds. */
const readyTimeoutMs = 15_000;

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + readyTimeoutMs;
  while (!(await isTrue().catch(() => false))) {
    if (performance.now() > end) throw new Error(`${what} is not true after ${readyTimeoutMs} ms`);
    await sleep(50);
  }
}

const infoOf = async (node: RedisProcess, section: string) => String(await node.tell('INFO', section));
const isPrimary = async (node: RedisProcess) => (await infoOf(node, 'replication')).includes('role:master');

function groupOf(url: string, nodes: readonly RedisProcess[], sentinels: readonly RedisProcess[] = []) {
  const all = [...nodes, ...sentinels];
  return {
    ...{ url, nodes, sentinels },
    async kill() {
      await Promise.all(all.map((node) => node.kill()));
    },
    async start() {
      await Promise.all(all.map((node) => node.start()));
    },
    freeze(isFrozen: boolean) {
      for (const node of all) node.freeze(isFrozen);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

/**
 * Starts a cluster of three primaries with a replica each. A primary that is killed is replaced after about two seconds; `start`
 * starts the nodes again that were killed.
 */
export async function startRedisCluster({
  isDurable = true,
  args = [],
  program = 'redis-server',
}: RedisServerOptions = {}): Promise<RedisGroup> {
  const startNode = async () => {
    // The usual port for the others, 10000 above, may not be there.
    const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-port'];
    const busPort = String(await freePort());
    return {
      busPort,
      node: await startRedis({ isDurable, program, args: [...args, ...copiesAtOnce, ...cluster, busPort] }),
    };
  };
  const started = await Promise.all(Array.from({ length: 6 }, startNode));
  const nodes = started.map(({ node }) => node);
  const primaries = nodes.slice(0, 3);
  const slots = ['0 5460', '5461 10922', '10923 16383'];
  await Promise.all(
    nodes.map(async (node, index) => {
      await node.tell('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      if (slots[index]) await node.tell('CLUSTER', 'ADDSLOTSRANGE', ...slots[index].split(' '));
    }),
  );
  for (const { node, busPort } of started.slice(1))
    await nodes[0]?.tell('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort);
  const knownBy = async (node: RedisProcess) => String(await node.tell('CLUSTER', 'NODES')).trim();
  await Promise.all(
    nodes.map((node) =>
      until('each node knows the others', async () => {
        const lines = (await knownBy(node)).split('\n');
        return lines.length === nodes.length && !lines.some((line) => line.includes('handshake'));
      }),
    ),
  );
  await Promise.all(
    nodes.slice(3).map(async (node, index) => {
      await node.tell('CLUSTER', 'REPLICATE', String(await primaries[index]?.tell('CLUSTER', 'MYID')));
      await until('a replica has its copy', async () =>
        (await infoOf(node, 'replication')).includes('master_link_status:up'),
      );
    }),
  );
  await Promise.all(
    nodes.map((node) =>
      until('the cluster is ready', async () =>
        String(await node.tell('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      ),
    ),
  );

  async function primary(): Promise<RedisProcess | undefined> {
    for (const node of nodes) {
      const slotRanges = await node.tell('CLUSTER', 'SLOTS').catch(() => undefined);
      if (!Array.isArray(slotRanges)) continue;
      const slot = Number(await node.tell('CLUSTER', 'KEYSLOT', '{engagements}'));
      const range = slotRanges.find(([from, to]) => from <= slot && slot <= to);
      return nodes.find(({ port }) => port === range?.[2][1]);
    }
    return undefined;
  }

  const hosts = primaries.map(({ port }) => `127.0.0.1:${port}`);
  return { ...groupOf(`redis+cluster://${hosts.join(',')}`, nodes), primary };
}

/** What the primary is called that the sentinels watch. */
const primaryName = 'engagements-primary';

/** Starts a primary with a replica, and three sentinels of which two must agree that it is gone: after one second. */
export async function startRedisSentinel({
  args = [],
  program = 'redis-server',
  sentinelArgs = [],
}: Pick<RedisServerOptions, 'args' | 'program'> & {
  readonly sentinelArgs?: readonly string[];
} = {}): Promise<RedisGroup> {
  const first = await startRedis({ program, args: [...args, ...copiesAtOnce] });
  const second = await startRedis({
    program,
    args: [...args, ...copiesAtOnce, '--replicaof', '127.0.0.1', String(first.port)],
  });
  const nodes = [first, second];
  await until('a replica has its copy', async () =>
    (await infoOf(second, 'replication')).includes('master_link_status:up'),
  );
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(program, first.port, sentinelArgs)));
  await Promise.all(
    sentinels.map((sentinel) =>
      until('each sentinel knows the others', async () => {
        const about = String(await sentinel.tell('SENTINEL', 'MASTERS'));
        return about.includes('num-other-sentinels,2') && about.includes('num-slaves,1');
      }),
    ),
  );

  async function primary(): Promise<RedisProcess | undefined> {
    const roles = await Promise.all(nodes.map((node) => isPrimary(node).catch(() => false)));
    return nodes[roles.indexOf(true)];
  }

  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  return { ...groupOf(`redis+sentinel://${hosts.join(',')}/${primaryName}`, nodes, sentinels), primary };
}

function startSentinel(program: RedisProgram, primaryPort: number, args: readonly string[]): Promise<RedisProcess> {
  return startRedisProcess(program, (folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `sentinel monitor ${primaryName} 127.0.0.1 ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${primaryName} 1000`,
      `sentinel failover-timeout ${primaryName} 3000`,
      ...args,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  });
}
