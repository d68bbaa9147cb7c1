/** When the port of a connection is free again: Linux's SOCK_BINDPORT_LOCK, and what TIME_WAIT holds. */
import { equal } from 'node:assert/strict';
import { errno, type Trace, traceTest } from '../tools/tcp-trace.ts';

/** bind(2) of a fresh socket to the listeners' port. */
function tryBind(t: Trace): string {
  const fd = t.side.socket(false);
  const result = errno(t.bind(80, fd));
  t.side.close(fd);
  return result;
}

traceTest('RST: the accepted socket gives its port back, although it is open', (t) => {
  t.establish();
  t.peer('R', { seq: 1 });
  t.close(t.listenFd);
  equal(tryBind(t), '0');
});

traceTest('TIME_WAIT of an accepted socket that is open: the port is free when the minute is over', (t) => {
  t.reach('TIME-WAIT');
  t.close(t.listenFd);
  equal(tryBind(t), 'EADDRINUSE');
  t.advance(61_000_000);
  equal(t.state, 'CLOSED');
  equal(tryBind(t), '0');
});

traceTest('TIME_WAIT of a socket that bind(2) gave its port: it goes on to hold it', (t) => {
  const fd = t.socket();
  equal(t.bind(80), 0);
  equal(errno(t.connect(90, fd)), 'EINPROGRESS');
  t.expect('S');
  t.peer('S.', { mss: 1460 });
  t.expect('.');
  t.shutdown(1, fd);
  t.expect('F.');
  t.peer('F.');
  t.expect('.');
  equal(t.state, 'TIME-WAIT');
  t.advance(61_000_000);
  equal(tryBind(t), 'EADDRINUSE');
  t.close(fd);
  equal(tryBind(t), '0');
});
