/** ssh2, both sides: a command run, its own keepalive on a silent network, and that of readyTimeout. */
import { equal } from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { Library } from './libraries.ts';
import { libraryTest, near } from './stage.ts';

const PORT = 22;

libraryTest('ssh2', ['ssh2'], async (stage, { default: ssh2 }) => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048, privateKeyEncoding: { type: 'pkcs1', format: 'pem' }, publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  await stage.server.run(() => {
    new ssh2.Server({ hostKeys: [privateKey] }, (client: Library) => {
      client.on('error', () => {});
      client.on('authentication', (context: Library) => (context.method === 'password' && context.password === 'secret' ? context.accept() : context.reject()));
      client.on('session', (accept: () => Library) => {
        accept().on('exec', (begin: () => Library, _reject: unknown, { command }: { command: string }) => {
          const stream = begin();
          stream.write(`ran ${command}`);
          stream.exit(0);
          stream.end();
        });
      });
    }).listen(PORT);
  });
  await stage.client.run(async () => {
    const config = { host: 'server', port: PORT, username: 'app', password: 'secret', keepaliveInterval: 5000, keepaliveCountMax: 3, readyTimeout: 8000 };
    const connect = () => new Promise<Library>((resolve, reject) => {
      const client = new ssh2.Client();
      client.on('ready', () => resolve(client)).on('error', reject).connect(config);
    });
    const run = (client: Library, command: string) => new Promise<string>((resolve, reject) => {
      client.exec(command, (error: Error | undefined, stream: Library) => {
        if (error) return reject(error);
        let text = '';
        stream.on('data', (part: Buffer) => (text += part)).on('close', () => resolve(text));
      });
    });
    const client = await connect();
    equal(await run(client, 'uptime'), 'ran uptime');

    const mend = stage.drop(PORT);
    const failed = new Promise((_, reject) => client.on('error', reject));
    const lost = await stage.outcome(failed);
    equal(lost.error?.message, 'Keepalive timeout');
    // Three that nobody answers; the fourth would be sent.
    near(lost.seconds, 20, 0.2);
    const refused = await stage.outcome(connect());
    equal(refused.error?.message, 'Timed out while waiting for handshake');
    near(refused.seconds, 8);
    mend();
    const next = await connect();
    equal(await run(next, 'again'), 'ran again');
    next.end();
  });
});
