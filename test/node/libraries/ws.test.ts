/** ws, both sides: a half-open connection seen by a missing pong, and the close of its client without an answer. */
import { equal } from 'node:assert/strict';
import { libraryTest, near, once } from './stage.ts';

const PORT = 8080;
const BEAT_MS = 30_000;

libraryTest('ws', ['ws'], async (stage, { WebSocket, WebSocketServer }) => {
  const terminated: number[] = [];
  await stage.server.run(() => {
    const server = new WebSocketServer({ port: PORT });
    server.on('connection', (socket: InstanceType<typeof WebSocket>) => {
      let isAlive = true;
      socket.on('pong', () => {
        isAlive = true;
      });
      socket.on('error', () => {});
      socket.on('message', (data: Buffer) => socket.send(`echo ${data}`));
      // The README's "How to detect and close broken connections".
      const beat = setInterval(() => {
        if (!isAlive) socket.terminate();
        isAlive = false;
        if (socket.readyState === WebSocket.OPEN) socket.ping();
      }, BEAT_MS);
      socket.on('close', () => {
        clearInterval(beat);
        terminated.push(stage.now);
      });
    });
  });
  await stage.client.run(async () => {
    const socket = new WebSocket(`ws://server:${PORT}/`);
    await once(socket, 'open');
    const answer = once(socket, 'message');
    socket.send('hello');
    equal(String(await answer), 'echo hello');
    await stage.sleep(100);
    equal(terminated.length, 0);

    const mend = stage.drop(PORT);
    const at = stage.now;
    // Beats every 30 s from the connection on: one goes unanswered, the next ends it.
    await stage.world.until(() => terminated.length === 1, 120e6);
    near((terminated[0] as number) - at, 50, 0.2);
    // The client knows nothing of it. Its close frame is not answered, and it waits 30 s for that.
    const closed = once(socket, 'close');
    socket.close();
    const close = await stage.outcome(closed);
    equal(close.value, 1006);
    near(close.seconds, 30);
    mend();

    const next = new WebSocket(`ws://server:${PORT}/`);
    await once(next, 'open');
    const second = once(next, 'message');
    next.send('again');
    equal(String(await second), 'echo again');
    next.terminate();
  });
});
