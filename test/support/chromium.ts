import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

const apt = (...args: readonly string[]) =>
  execFileSync('apt-get', args, { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });

/**
 * Installs Debian's package where that is allowed.
 * @throws when there is no Chromium then: what needs it must not be passed over.
 */
function install(): void {
  if (existsSync(executablePath)) return;
  process.stdout.write('Installing chromium, about 400 MB …\n');
  try {
    apt('update');
    apt('install', '--yes', '--no-install-recommends', 'chromium');
  } catch {
    // Not root, no Debian, or no network: the next line says what matters.
  }
  if (!existsSync(executablePath))
    throw new Error(`These tests need ${executablePath}: install it (Debian: apt-get install chromium)`);
}

/** It asks nobody for anything by itself, so that whatever leaves it was asked for by the page. */
const silent = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];

/** Starts a browser without a window. Installing it first takes minutes: call it in a hook that waits for as long. */
export function launchChromium(): Promise<Browser> {
  install();
  // No sandbox: as root, which continuous integration is, Chromium has none. It sees pages of our own only.
  return chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', ...silent] });
}

/** How long a hook may take that calls {@link launchChromium}. */
export const launchTimeoutMs = 300_000;
