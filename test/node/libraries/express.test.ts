/** express: requests answered, and a client that gives up on a silent server. */
import { equal } from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
import { libraryTest, near } from './stage.ts';

const PORT = 3000;

libraryTest('express', ['express'], async (stage, { default: express }) => {
  const closed: number[] = [];
  await stage.server.run(() => {
    const app = express();
    app.use(express.json());
    app.get('/hello/:name', (request: { params: { name: string } }, response: { send(text: string): void }) => response.send(`hello ${request.params.name}`));
    app.post('/sum', (request: { body: number[] }, response: { json(value: unknown): void }) => response.json({ sum: request.body.reduce((a, b) => a + b, 0) }));
    app.listen(PORT).on('connection', (socket: net.Socket) => socket.on('close', () => closed.push(stage.now)));
  });
  await stage.client.run(async () => {
    const ask = (method: string, path: string, body: string, timeout = 60_000) => new Promise<string>((resolve, reject) => {
      const options = { host: 'server', port: PORT, method, path, timeout, agent: false as const, headers: { 'content-type': 'application/json', 'content-length': body.length } };
      const request = http.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve(text));
      });
      request.on('timeout', () => request.destroy()).on('error', reject).end(body);
    });
    equal(await ask('GET', '/hello/world', ''), 'hello world');
    equal(await ask('POST', '/sum', '[1,2,3]'), '{"sum":6}');
    equal((await ask('GET', '/nothing', '')).includes('Cannot GET /nothing'), true);
    // Each request had a connection of its own.
    await stage.sleep(10);
    equal(closed.length, 3);

    // A client that gives up after 6 s of silence: its FIN does not come through either.
    const mend = stage.drop(PORT);
    const lost = await stage.outcome(ask('GET', '/hello/world', '', 6000));
    equal(lost.error?.code, 'ECONNRESET');
    near(lost.seconds, 6);
    mend();
    equal(await ask('GET', '/hello/again', ''), 'hello again');
  });
});
