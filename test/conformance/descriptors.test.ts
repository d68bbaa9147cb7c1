/** Traces of what descriptors and connections have to do with each other: accept(2) at the limit and while it waits. */
import * as descriptors from '../../src/kernel/calls/descriptors.ts';
import { equal, ok } from 'node:assert/strict';
import { Process } from '../../src/api/posix/process.ts';
import { errno, type Trace, traceTest } from '../tools/tcp-trace.ts';

/** A listener and a connection in its queue. */
function queued(t: Trace): void {
  t.reach('SYN-RECEIVED');
  t.peer('.');
  equal(t.state, 'ESTABLISHED');
}

traceTest('accept(2) at RLIMIT_NOFILE: EMFILE, and the connection stays in the queue', (t) => {
  queued(t);
  const { core } = t.ours.process;
  core.descriptors.max = t.listenFd + 1;
  equal(errno(t.accept()), 'EMFILE');
  t.expectNothing();
  equal(t.state, 'ESTABLISHED');
  core.descriptors.max++;
  ok(t.accept() > t.listenFd);
  equal(errno(t.accept()), 'EMFILE', 'nothing waits, but the number is asked for first');
});

traceTest('accept(2): a process that exits while it waits leaves the connection to the listener\'s other holders', async (t) => {
  t.listen();
  const { host, process } = t.ours;
  descriptors.fcntl(process.core, t.listenFd, 4, 0);
  const child = new Process(host, 'child', { inherit: process });
  const accepting = child.accept(t.listenFd).catch((error) => error.code);
  t.peer('S', { mss: 1460 });
  t.expect('S.');
  child.exit();
  t.peer('.');
  equal(await accepting, 'EINTR');
  equal(t.state, 'ESTABLISHED');
  ok(t.accept() >= 0);
});

traceTest('fork: the number that an accept of the parent has reserved is free in the child', async (t) => {
  t.listen();
  const { host, process } = t.ours;
  descriptors.fcntl(process.core, t.listenFd, 4, 0);
  const accepting = process.accept(t.listenFd).catch((error) => error.code);
  const own = await process.dup(0);
  equal(own, t.listenFd + 2);
  const child = new Process(host, 'child', { inherit: process });
  equal(await child.dup(0), t.listenFd + 1);
  child.exit();
  process.exit();
  equal(await accepting, 'EINTR');
});
