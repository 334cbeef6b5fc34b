import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** True while a strong reference holds the value. Poll it: collecting a value takes several turns of the event loop. */
export function isKept(value: WeakRef<object>): boolean {
  collectGarbage();
  return value.deref() !== undefined;
}
