import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a folder, which is removed at the end of its scope. */
export const createFolder = () => mkdtempDisposableSync(join(tmpdir(), 'test-'));
