import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Instruction, parseDockerfile, readText } from './checks.ts';

/** What an image is built to: a file system, and how to start what is in it. */
export interface Image extends Disposable {
  /** The folder that is the image's root. */
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly command: readonly string[];
  readonly healthCommand: readonly string[];
  readonly stopSignal: string;
}

/** A stage while it is built. */
interface Stage {
  readonly root: string;
  workdir: string;
  env: Record<string, string>;
  user: string;
  command: string;
  healthCommand: string;
  stopSignal: string;
}

const context = fileURLToPath(new URL('../../', import.meta.url));
const shellWords = (text: string) => text.split(/\s+/).filter(Boolean);

/** A stage as its base image leaves it: Node, here the one that this process runs on, and what every Debian has. */
function startStage(root: string): Stage {
  const bin = join(root, 'usr/local/bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(process.execPath, join(bin, 'node'));
  chmodSync(join(bin, 'node'), 0o755);
  return { root, workdir: '/', env: {}, user: '0:0', command: '[]', healthCommand: '[]', stopSignal: '' };
}

/** The shell of this machine runs it, where the stage's own folder stands for the root. */
function run(stage: Stage, command: string): void {
  const local = command.replace(/(?<=\s)\/(?=\w)/g, `${stage.root}/`);
  execFileSync('sh', ['-ec', local], {
    cwd: join(stage.root, stage.workdir),
    // npm has to know how this machine reaches its registry.
    env: { ...process.env, ...stage.env, PATH: `${join(stage.root, 'usr/local/bin')}:${process.env.PATH}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Copies as Docker does: of a folder, only its contents. Files belong to root, and every user may read them. */
function copy(stage: Stage, from: string, text: string): void {
  const words = shellWords(text);
  const target = words.at(-1) ?? '';
  for (const source of words.slice(0, -1)) {
    const path = join(from, source);
    const intoFolder = target.endsWith('/') && statSync(path).isFile();
    const place = join(stage.root, stage.workdir, target, intoFolder ? (source.split('/').at(-1) ?? '') : '');
    mkdirSync(dirname(place), { recursive: true });
    cpSync(path, place, { recursive: true, verbatimSymlinks: true });
  }
}

/** Applies each instruction to a stage. `EXPOSE` has no effect. */
const executors: Readonly<Record<string, (stage: Stage, text: string, from: string) => unknown>> = {
  WORKDIR(stage, text) {
    stage.workdir = text;
    mkdirSync(join(stage.root, text), { recursive: true });
  },
  COPY: (stage, text, from) => copy(stage, from, text),
  RUN: (stage, text) => run(stage, text),
  ENV: (stage, text) => Object.assign(stage.env, Object.fromEntries(shellWords(text).map((pair) => pair.split('=')))),
  USER: (stage, text) => Object.assign(stage, { user: text }),
  CMD: (stage, text) => Object.assign(stage, { command: text }),
  HEALTHCHECK: (stage, text) => Object.assign(stage, { healthCommand: text.replace(/^CMD /, '') }),
  STOPSIGNAL: (stage, text) => Object.assign(stage, { stopSignal: text }),
  EXPOSE: () => undefined,
};

function execute(stage: Stage, { keyword, text, flags }: Instruction, stages: ReadonlyMap<string, Stage>): void {
  const executor = executors[keyword];
  if (!executor) throw new Error(`The test does not know how to execute ${keyword}`);
  executor(stage, text, flags.from ? (stages.get(flags.from)?.root ?? '') : context);
}

/** Executes the steps of `deploy/Dockerfile`, in order and each stage in an empty folder. @throws when one fails. */
export function buildImage(): Image {
  const folder = mkdtempSync(join(tmpdir(), 'image-'));
  chmodSync(folder, 0o755);
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const instruction of parseDockerfile(readText('deploy/Dockerfile'))) {
    if (instruction.keyword === 'FROM') {
      const name = shellWords(instruction.text)[2] ?? 'last';
      stage = startStage(join(folder, name));
      stages.set(name, stage);
    } else if (stage) execute(stage, instruction, stages);
  }
  if (!stage) throw new Error('The Dockerfile has no stage');
  // Only the last stage is the image.
  for (const { root } of stages.values()) if (root !== stage.root) rmSync(root, { recursive: true });
  execFileSync('chmod', ['-R', 'a-w', join(stage.root, stage.workdir)]);
  const [uid = 0, gid = 0] = stage.user.split(':').map(Number);
  const { root, workdir, env, stopSignal, command, healthCommand } = stage;
  return {
    root,
    workdir: join(root, workdir),
    env: { ...env, PATH: join(root, 'usr/local/bin') },
    user: { uid, gid },
    // Exec form is JSON; anything else would be handed to a shell, which keeps signals to itself.
    command: JSON.parse(command),
    healthCommand: JSON.parse(healthCommand),
    stopSignal,
    [Symbol.dispose]() {
      if (existsSync(folder)) execFileSync('rm', ['-rf', folder]);
    },
  };
}
