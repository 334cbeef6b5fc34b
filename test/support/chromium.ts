import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { installDebianPackage } from './debian.ts';

const executablePath = '/usr/bin/chromium';

/** It asks nobody for anything by itself, so that whatever leaves it was asked for by the page. */
const silent = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];

/** Installs Chromium where it is missing. */
export const installChromium = (): void => installDebianPackage('chromium', () => existsSync(executablePath));

/**
 * Starts a browser without a window. Installing it first takes minutes: call it in a hook that waits for as long.
 * @throws when there is none, and none can be installed.
 */
export function launchChromium(): Promise<Browser> {
  installChromium();
  // No sandbox: as root, which continuous integration is, Chromium has none. It sees pages of our own only.
  return chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', ...silent] });
}

/** How long a hook may take that calls {@link launchChromium}. */
export const launchTimeoutMs = 300_000;
