import { equal } from 'node:assert/strict';
import { SO, SOL } from '../../src/socket/constants.ts';
import { traceTest } from '../tools/tcp-trace.ts';

traceTest('SO_RCVLOWAT: lowering it to what is there wakes a poll', async (t) => {
  t.establish();
  t.setOption(SOL.SOCKET, SO.RCVLOWAT, 100);
  t.peer('P.', { data: 'hello' });
  let ready = -1;
  const polling = t.ours.process.poll([{ fd: t.fd, events: 1, revents: 0 }], 2000).then((count) => {
    ready = count;
  });
  t.advance(300_000);
  t.drop();
  t.mark();
  t.setOption(SOL.SOCKET, SO.RCVLOWAT, 5);
  await Promise.race([polling, new Promise(setImmediate)]);
  equal(ready, 1);
  equal(t.now, 0);
});
