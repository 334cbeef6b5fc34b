import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { installDebianPackage } from './debian.ts';

const executablePath = '/usr/bin/chromium';

/** The browser sends no request by itself, so each request comes from the page. */
const silent = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];

/** Installs Chromium if it is missing. */
export const installChromium = (): void => installDebianPackage('chromium', () => existsSync(executablePath));

/**
 * Starts a browser without a window. The installation takes minutes: call it outside of tests and hooks, which time out.
 * @throws when it is missing and cannot be installed.
 */
export function launchChromium(): Promise<Browser> {
  installChromium();
  // No sandbox: Chromium has none as root, as in continuous integration. It opens only our own pages.
  return chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', ...silent] });
}
