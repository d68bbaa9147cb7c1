/**
 * A process that has exited: its tasks may still run, and find nothing to make sockets with.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, F, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

test('after exit every call fails, EBADF on a descriptor and ESRCH without, and nothing is left', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const process = new Process(host, 'p');
  const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
  const address = sockaddrIn('127.0.0.1', 80);
  await process.bind(fd, address);
  await process.listen(fd, 4);
  const other = new Process(host, 'other');
  const accepting = process.accept(fd);
  const polling = process.poll([{ fd: 0, events: 1, revents: 0 }], -1);
  process.exit();
  process.exit();
  await rejects(accepting, { code: 'EINTR' });
  await rejects(polling, { code: 'EINTR' });
  const before = slabStatistics.chunksInUse;

  const gone = { code: 'ESRCH' };
  await rejects(process.socket(AF.INET, SOCK.STREAM, 0), gone);
  await rejects(process.poll([], -1), gone);
  await rejects(process.sleep(10), gone);
  const closed = { code: 'EBADF' };
  const byte = new Uint8Array(1);
  for (const call of [
    () => process.bind(fd, address), () => process.listen(fd, 1), () => process.accept(fd), () => process.connect(fd, address),
    () => process.read(fd, byte), () => process.write(1, byte), () => process.send(fd, byte, 0), () => process.close(fd),
    () => process.dup(0), () => process.dup2(0, 5), () => process.fcntl(0, F.DUPFD), () => process.getsockname(fd),
  ]) {
    await rejects(call(), closed);
  }
  process.feedInput(new Uint8Array(1000));
  equal(slabStatistics.chunksInUse, before);
  throws(() => new Process(host, 'child', { inherit: process }), /process 2 \(p\) has exited/);
  await rejects(other.connect(await other.socket(AF.INET, SOCK.STREAM, 0), address), { code: 'ECONNREFUSED' });
  await world.sleep(200e6);
  deepEqual([...host.stack.tcp.endpoints()], []);
  deepEqual(host.kernel.processes().map(({ name }) => name), ['other']);
}));

test('errors say which signal has ended the process: SIGPIPE at the write, and after it', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const process = new Process(host, 'writer');
  const [reading, writing] = await process.pipe();
  await process.close(reading);
  const ended = `(SIGPIPE has ended writer, process ${process.pid})`;
  await rejects(process.write(writing, new Uint8Array(1)), { code: 'EPIPE', message: `write: EPIPE: Broken pipe ${ended}` });
  await rejects(process.close(writing), { code: 'EBADF', message: `close: EBADF: Bad file descriptor ${ended}` });
  await rejects(process.pipe(), { code: 'ESRCH', message: `pipe2: ESRCH: No such process ${ended}` });
  await rejects(process.stat('/etc'), { code: 'ESRCH', message: `stat: ESRCH: No such process ${ended}` });
  // Who ends by himself knows why.
  const other = new Process(host, 'other');
  other.exit(3);
  await rejects(other.close(3), { message: 'close: EBADF: Bad file descriptor' });
}));
