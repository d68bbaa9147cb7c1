/** connect(2) with AF_UNSPEC, and shutdown(2) before a connection is there: who hears of it, and what comes after. */
import * as descriptors from '../../src/kernel/calls/descriptors.ts';
import { equal } from 'node:assert/strict';
import { errno, type Trace, traceTest } from '../tools/tcp-trace.ts';

const UNSPEC = new Uint8Array(16);

function disconnect(t: Trace, fd: number): void {
  equal(t.side.connect(fd, UNSPEC), 0);
}

function block(t: Trace, fd: number): void {
  equal(descriptors.fcntl(t.ours.process.core, fd, 4, 0), 0);
}

function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.then((value) => value, (error) => error.code);
}

traceTest('connect(2) with AF_UNSPEC ends the recv of another task with EPIPE', async (t) => {
  t.establish();
  block(t, t.fd);
  const receiving = outcome(t.ours.process.recv(t.fd, new Uint8Array(4), 0));
  disconnect(t, t.fd);
  t.expect('R.', { seq: 1 });
  equal(await receiving, 'EPIPE');
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('connect(2) with AF_UNSPEC ends the accept of another task with EINVAL', async (t) => {
  t.listen();
  block(t, t.listenFd);
  const accepting = outcome(t.ours.process.accept(t.listenFd));
  disconnect(t, t.listenFd);
  equal(await accepting, 'EINVAL');
});

traceTest('connect(2) with AF_UNSPEC ends the connect of another task with EPIPE, although a new one is under way', async (t) => {
  const fd = t.socket(true);
  const connecting = outcome(t.ours.process.connect(fd, t.sockaddr(t.peerAddress, 80)));
  t.expect('S');
  disconnect(t, fd);
  descriptors.fcntl(t.ours.process.core, fd, 4, 0o4000);
  equal(errno(t.connect(81, fd)), 'EINPROGRESS');
  t.expect('S');
  equal(await connecting, 'EPIPE');
  equal(t.state, 'SYN-SENT');
});

traceTest('shutdown(2) in SYN-SENT: the next connect starts a new handshake', (t) => {
  equal(errno(t.connect()), 'EINPROGRESS');
  t.expect('S', { seq: 0 });
  equal(t.shutdown(2), 0);
  equal(t.state, 'CLOSED');
  equal(errno(t.connect(81, t.fd)), 'EINPROGRESS');
  t.expect('S', { seq: 0 });
  equal(t.state, 'SYN-SENT');
  t.peer('S.', { mss: 1460 });
  t.expect('.', { seq: 1, ack: 1 });
  equal(errno(t.connect(81, t.fd)), '0');
  equal(errno(t.connect(81, t.fd)), 'EISCONN');
});
