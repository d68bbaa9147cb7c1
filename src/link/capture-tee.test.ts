import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../base/random.ts';
import { virtualLoop, whenIdle } from '../base/test-environment.ts';
import { Cable } from './cable.ts';
import { CaptureTee, type FrameSink } from './capture-tee.ts';
import { LoopbackDevice } from './loopback.ts';
import { ChecksumState } from './packet.ts';
import { frame, numberOf, Receiver, tcpChecksumHolds, tcpSegment } from './test-frames.ts';

class Recorder implements FrameSink {
  readonly seen: { name: string; timeUs: number; bytes: Uint8Array; outgoing: boolean }[] = [];

  captured(device: { name: string }, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    this.seen.push({ name: device.name, timeUs, bytes, outgoing });
  }
}

test('frames are recorded as they are sent and as they arrive, with device, time and direction', async () => {
  const loop = virtualLoop();
  const cable = new Cable(loop, new SeededRandom(1), { nameA: 'left', nameB: 'right', delayUs: 250 });
  const receiver = new Receiver(() => loop.now, cable.b);
  const recorder = new Recorder();
  new CaptureTee(cable.a, loop, recorder);
  new CaptureTee(cable.b, loop, recorder);
  cable.a.transmit(frame({ number: 5 }));
  await whenIdle(loop);
  const epoch = loop.environment.epochUs;
  deepEqual(recorder.seen.map(({ name, timeUs, outgoing }) => [name, timeUs - epoch, outgoing]), [['left', 0, true], ['right', 250, false]]);
  deepEqual(recorder.seen.map(({ bytes }) => numberOf(bytes)), [5, 5]);
  deepEqual(receiver.numbers, [5]);
});

test('a capture sees the frame before any fault of the wire', async () => {
  const loop = virtualLoop();
  const cable = new Cable(loop, new SeededRandom(1), { loss: 0.5, corrupt: 0.5 });
  new Receiver(() => loop.now, cable.b);
  const recorder = new Recorder();
  new CaptureTee(cable.a, loop, recorder);
  for (let number = 0; number < 50; number++) cable.a.transmit(frame({ number }));
  await whenIdle(loop);
  equal(recorder.seen.length, 50);
  recorder.seen.forEach(({ bytes }, number) => {
    const sound = frame({ number });
    deepEqual(bytes, sound.toBytes());
    sound.release();
  });
});

test('partial checksums are completed in the copy; the frame goes on as it was', async () => {
  const loop = virtualLoop();
  const cable = new Cable(loop, new SeededRandom(1), {});
  const receiver = new Receiver(() => loop.now, cable.b);
  const recorder = new Recorder();
  new CaptureTee(cable.a, loop, recorder);
  const payload = Uint8Array.from({ length: 5001 }, (_, i) => i & 0xff);
  cable.a.transmit(tcpSegment(payload.subarray(0, 333)));
  cable.a.transmit(tcpSegment(payload, 1460));
  await whenIdle(loop);
  deepEqual(recorder.seen.map(({ bytes }) => tcpChecksumHolds(bytes)), [true, true]);
  deepEqual(receiver.frames.map(({ checksumState }) => checksumState), [ChecksumState.Partial, ChecksumState.Partial]);
  deepEqual(receiver.frames.map(({ bytes }) => tcpChecksumHolds(bytes)), [false, false]);
});

test('loopback shows each frame once', async () => {
  const loop = virtualLoop();
  const device = new LoopbackDevice(loop, new SeededRandom(1));
  new Receiver(() => loop.now, device);
  const recorder = new Recorder();
  new CaptureTee(device, loop, recorder);
  device.transmit(frame({ number: 1 }));
  await whenIdle(loop);
  equal(recorder.seen.length, 1);
});

test('several tees look at one device, and leave in any order', async () => {
  const loop = virtualLoop();
  const cable = new Cable(loop, new SeededRandom(1), {});
  const counts = [new Recorder(), new Recorder(), new Recorder()];
  const tees = counts.map((recorder) => new CaptureTee(cable.a, loop, recorder, 'out'));
  cable.a.transmit(frame());
  tees[0]?.detach();
  cable.a.transmit(frame());
  tees[2]?.detach();
  cable.a.transmit(frame());
  tees[1]?.detach();
  ok(cable.a.tap === null);
  cable.a.transmit(frame());
  await whenIdle(loop);
  deepEqual(counts.map(({ seen }) => seen.length), [1, 3, 2]);
});

test('a direction leaves the other out', async () => {
  const loop = virtualLoop();
  const cable = new Cable(loop, new SeededRandom(1), {});
  const both = new Receiver(() => loop.now, cable.a, cable.b);
  const recorders = { in: new Recorder(), out: new Recorder() };
  for (const direction of ['in', 'out'] as const) new CaptureTee(cable.a, loop, recorders[direction], direction);
  cable.a.transmit(frame({ number: 1 }));
  cable.b.transmit(frame({ number: 2 }));
  await whenIdle(loop);
  equal(both.frames.length, 2);
  deepEqual(recorders.in.seen.map(({ bytes }) => numberOf(bytes)), [2]);
  deepEqual(recorders.out.seen.map(({ bytes }) => numberOf(bytes)), [1]);
});
