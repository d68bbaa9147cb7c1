/** The devices of src/link keep the contract of Device. */
import { SeededRandom } from '../../src/base/random.ts';
import { virtualLoop, whenIdle } from '../../src/base/test-environment.ts';
import { Cable } from '../../src/link/cable.ts';
import { LoopbackDevice } from '../../src/link/loopback.ts';
import { Switch } from '../../src/link/switch.ts';
import { Receiver } from '../../src/link/test-frames.ts';
import { testDevice } from './device-contract.ts';

testDevice('loopback', () => {
  const loop = virtualLoop();
  const device = new LoopbackDevice(loop, new SeededRandom(1));
  const receiver = new Receiver(() => loop.now, device);
  return {
    device,
    async sent() {
      await whenIdle(loop);
      return receiver.frames.map(({ bytes }) => bytes);
    },
    async arrive(p) {
      device.transmit(p);
      await whenIdle(loop);
    },
    now: () => loop.now,
    close: () => loop.stop(),
  };
});

for (const [name, options] of [
  ['cable end', {}],
  ['cable end with delay', { delayUs: 500 }],
  ['cable end with a rate', { rateBitsPerSecond: 1e8, queuePackets: 100 }],
  ['cable end that always cuts', { offload: false }],
] as const) {
  testDevice(name, () => {
    const loop = virtualLoop();
    const cable = new Cable(loop, new SeededRandom(1), options);
    const far = new Receiver(() => loop.now, cable.b);
    return {
      device: cable.a,
      async sent() {
        await whenIdle(loop);
        return far.frames.map(({ bytes }) => bytes);
      },
      async arrive(p) {
        cable.b.transmit(p);
        await whenIdle(loop);
      },
      now: () => loop.now,
      close: () => loop.stop(),
    };
  });
}

testDevice('switch port', () => {
  const loop = virtualLoop();
  const bridge = new Switch(loop);
  const near = new Cable(loop, new SeededRandom(1));
  const other = new Cable(loop, new SeededRandom(2));
  bridge.attach(near.b);
  bridge.attach(other.b);
  const station = new Receiver(() => loop.now, near.a);
  return {
    device: near.b,
    ownInput: true,
    async sent() {
      await whenIdle(loop);
      return station.frames.map(({ bytes }) => bytes);
    },
    async arrive(p) {
      near.a.transmit(p);
      await whenIdle(loop);
    },
    now: () => loop.now,
    close: () => loop.stop(),
  };
});
