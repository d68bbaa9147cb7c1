/** What Node keeps for the whole process (global agents, fetch's dispatcher) keeps no connection from one program or world to another. */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type NodeHost, simulate } from '../../src/entry/sim.node.ts';
import { load } from './libraries/libraries.ts';

const folder = mkdtempSync(join(tmpdir(), 'shared-clients-'));
after(() => rmSync(folder, { recursive: true }));
const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=server', '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];

type Ask = (path: string) => Promise<string>;

function bodyOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    response.on('data', (data) => (text += data)).on('end', () => resolve(text)).on('error', reject);
  });
}

const plain: Ask = (path) => new Promise((resolve, reject) => {
  http.get(`http://server${path}`, (response) => resolve(bodyOf(response))).on('error', reject);
});
const secure: Ask = (path) => new Promise((resolve, reject) => {
  https.get(`https://server${path}`, { rejectUnauthorized: false }, (response) => resolve(bodyOf(response))).on('error', reject);
});
const fetching: Ask = async (path) => (await fetch(`http://server${path}`)).text();
const library: Ask = async (path) => {
  const { request } = await load('undici');
  return (await request(`http://server${path}`)).body.text();
};

/** Answers with the address and port from where it was asked; what is asked for at /never gets no answer. */
function serve(): void {
  const answer: http.RequestListener = (request, response) => {
    if (request.url !== '/never') response.end(`${request.socket.remoteAddress} ${request.socket.remotePort}`);
  };
  http.createServer(answer).listen(80);
  https.createServer({ key, cert }, answer).listen(443);
}

/** What two programs on two hosts hear, one behind the other; at the end of the world requests and kept connections are open. */
async function world(ask: Ask): Promise<string[]> {
  return await simulate({ seed: 1 }, async (it) => {
    const [one, two, server] = ['one', 'two', 'server'].map((name) => it.host(name)) as [NodeHost, NodeHost, NodeHost];
    const hub = it.switch();
    for (const host of [one, two, server]) it.cable(host, hub, { delayUs: 5000 });
    await server.run(serve);
    const heard: string[] = [];
    for (const host of [one, two]) {
      await host.run(async () => {
        heard.push(await ask('/first'));
        // undici gives a connection back a little later than its answer.
        await delay(100);
        heard.push(await ask('/again'));
        void ask('/never').catch(() => {});
      });
    }
    return heard;
  });
}

for (const [name, ask] of Object.entries({ 'http.globalAgent': plain, 'https.globalAgent': secure, fetch: fetching, 'undici, the library': library })) {
  test(`${name}: each program has its own connections, in every world the same`, { timeout: 60_000 }, async () => {
    if (ask === library) await load('undici');
    const first = await world(ask);
    const [one, oneAgain, two, twoAgain] = first as [string, string, string, string];
    equal(oneAgain, one, 'a kept connection is used again');
    equal(twoAgain, two);
    notEqual(two.split(' ')[0], one.split(' ')[0], 'each host asks from its own address');
    for (let i = 0; i < 2; i++) deepEqual(await world(ask), first);
  });
}

test('what is set on the global agent holds for each program, and destroying it ends the connections of the one that does', async () => {
  const before = http.globalAgent.maxSockets;
  http.globalAgent.maxSockets = 1;
  try {
    await simulate({ seed: 1 }, async (it) => {
      const [client, server] = [it.host('client'), it.host('server')] as [NodeHost, NodeHost];
      it.cable(client, server, { delayUs: 5000 });
      await server.run(serve);
      await client.run(async () => {
        const [one, two] = await Promise.all([plain('/a'), plain('/b')]);
        equal(two, one, 'one connection at a time');
        http.globalAgent.destroy();
        notEqual(await plain('/c'), one, 'a new one');
      });
    });
  } finally {
    http.globalAgent.maxSockets = before;
  }
});
