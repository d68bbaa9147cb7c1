/** What a TAP device refuses before it asks the kernel. Devices that open: test/contract and test/interop. */
import { rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Loop } from '../../base/loop.ts';
import { NodeEnvironment } from './environment.ts';
import { loadLibc, PlatformError } from './libc.ts';
import { TapDevice } from './tap.ts';

const koffi = await loadLibc('the test').then(
  () => true,
  () => false,
);

test('RFC 791: an MTU that no link can have is refused with a sentence', { skip: !koffi && 'needs koffi' }, async () => {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  try {
    for (const mtuBytes of [-1, 0, 67, 65536, 1e9, 1500.5, Number.NaN, Infinity, '1500' as unknown as number]) {
      await rejects(TapDevice.open({ loop, random: environment.entropy, name: 'mtu%d', mtuBytes }), (error) => {
        return error instanceof PlatformError && error.message === `the MTU of a TAP device is a whole number from 68 to 65535, not ${mtuBytes}`;
      });
    }
  } finally {
    loop.stop();
  }
});
