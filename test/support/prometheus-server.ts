import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installDebianPackage } from './debian.ts';
import { freePort } from './free-port.ts';

/** One result of a query: the labels of its series, and its value now. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus for one test, with the configuration of `deploy/` and its own port and folder. */
export interface PrometheusServer extends AsyncDisposable {
  /** Reads from its HTTP API below `/api/v1/`. @throws with its message when that is an error. */
  ask<Data>(path: string): Promise<Data>;
  /** The current value of an expression. @throws when it is invalid. */
  query(expression: string): Promise<readonly QueryResult[]>;
}

const folderOfConfig = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url));

function isInstalled(): boolean {
  try {
    for (const program of ['prometheus', 'promtool']) execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Installs Prometheus and its promtool, which come in one package. Call it in a hook with a timeout of some minutes. */
export const installPrometheus = (): void => installDebianPackage('prometheus', isInstalled);

/** The timeout of a hook that calls {@link installPrometheus}. */
export const installTimeoutMs = 300_000;

/** The configuration, with another server address, and one second instead of 15. */
function localized(target: string): string {
  let text = readFileSync(join(folderOfConfig, 'prometheus.yml'), 'utf8');
  const replacements = [
    ['"127.0.0.1:9464"', `"${target}"`],
    ['scrape_interval: 15s', 'scrape_interval: 1s'],
    ['evaluation_interval: 15s', 'evaluation_interval: 1s'],
    ['- alerts.yaml', `- ${join(folderOfConfig, 'alerts.yaml')}`],
  ] as const;
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`deploy/prometheus/prometheus.yml has no ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

/**
 * Starts a Prometheus that scrapes one server each second.
 * @param target its host and port.
 * @throws with its output when it ends instead.
 */
export async function startPrometheus(target: string): Promise<PrometheusServer> {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, localized(target));
  const log = join(folder, 'log');
  const data = `--storage.tsdb.path=${join(folder, 'data')}`;
  const child = spawn('prometheus', [`--config.file=${file}`, data, `--web.listen-address=${address}`], {
    stdio: ['ignore', 'ignore', openSync(log, 'a')],
  });
  const exited = once(child, 'exit');
  let isOver = false;
  void exited.then(() => {
    isOver = true;
  });
  const isReady = () =>
    fetch(`http://${address}/-/ready`)
      .then(({ ok }) => ok)
      .catch(() => false);
  while (!(await isReady())) {
    if (isOver) throw new Error(`Prometheus ended:\n${readFileSync(log, 'utf8')}`);
    await sleep(50);
  }

  async function ask<Data>(path: string): Promise<Data> {
    const answer = await (await fetch(`http://${address}/api/v1/${path}`)).json();
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }
  return {
    ask,
    async query(expression) {
      const { result } = await ask<{ result: { metric: QueryResult['metric']; value: [number, string] }[] }>(
        `query?${new URLSearchParams({ query: expression })}`,
      );
      return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
