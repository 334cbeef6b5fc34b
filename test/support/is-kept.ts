import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** True while anything but a weak reference holds the value. Ask again and again: it takes some turns of the event loop. */
export function isKept(value: WeakRef<object>): boolean {
  collectGarbage();
  return value.deref() !== undefined;
}
