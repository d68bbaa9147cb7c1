/** socket.io, both sides: its ping timeout on a silent network, and connecting again. */
import { equal } from 'node:assert/strict';
import { createServer } from 'node:http';
import { libraryTest, near, once } from './stage.ts';

const PORT = 3000;

libraryTest('socket.io', ['socket.io', 'socket.io-client'], async (stage, { Server }, { io }) => {
  const left: string[] = [];
  await stage.server.run(() => {
    const http = createServer();
    const server = new Server(http, { pingInterval: 10_000, pingTimeout: 5000 });
    server.on('connection', (socket: { on(name: string, fn: (...args: never[]) => void): void }) => {
      socket.on('add', (a: number, b: number, answer: (sum: number) => void) => answer(a + b));
      socket.on('disconnect', (reason: string) => left.push(reason));
    });
    http.listen(PORT);
  });
  await stage.client.run(async () => {
    const socket = io(`http://server:${PORT}`, { transports: ['websocket'], reconnectionDelay: 1000, timeout: 3000 });
    await once(socket, 'connect');
    equal(await socket.emitWithAck('add', 1, 2), 3);
    await stage.sleep(65);
    equal(socket.connected, true);

    const mend = stage.drop(PORT);
    const lost = await stage.outcome(once(socket, 'disconnect'));
    equal(lost.value, 'ping timeout');
    // The server pings every 10 s, each after the answer to the one before; the client waits for that and 5 s more. It heard the sixth
    // ping 60.1 s after connecting, 5 s ago: neither side has any jitter.
    near(lost.seconds, 10.1);
    await stage.sleep(30);
    equal(left.join(), 'ping timeout');
    mend();
    await once(socket, 'connect');
    equal(await socket.emitWithAck('add', 3, 4), 7);
    socket.disconnect();
  });
});
