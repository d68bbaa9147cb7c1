/**
 * The page too: the built bundles of `sockscape` and `sockscape/sim` run the demo world in headless Chromium, and its
 * capture is byte for byte Node's for the same seed. No bundle for pages asks for a module of Node.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { chromium as engine, type BrowserContext, type Page } from 'playwright-core';
import { readPcapng } from '../../src/capture/pcapng-reader.ts';
import { chromium, needs } from '../needs.ts';
import { root, seed } from '../results.ts';
import { type DemoResult, demoWorld, type Entries, FAULTS } from './demo-world.ts';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const SEED = `page ${seed}`;
const dist = join(root, 'dist');
const browserFiles = (): string[] => readdirSync(join(dist, 'browser')).filter((name) => name.endsWith('.js'));

/** The page: its scripts import what was built; the result goes back as plain values. */
const SCRIPT = `
import * as sockscape from '/dist/browser/index.js';
import * as sim from '/dist/browser/sim.js';
import { demoWorld } from '/demo-world.js';
const inBase64 = (bytes) => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};
const run = async (seed) => {
  const result = await demoWorld({ sockscape, sim }, seed);
  return { ...result, pcapng: inBase64(result.pcapng) };
};
`;
const PAGE_SCRIPT = `${SCRIPT}
globalThis.runDemo = run;
globalThis.runInWorker = (seed) => new Promise((resolve, reject) => {
  const worker = new Worker('/worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => data.error ? reject(new Error(data.error)) : resolve(data.result);
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage(seed);
});
globalThis.wakeUps = async () => {
  const { BrowserEnvironment } = await import('/dist/browser/browser.js');
  const late = [];
  for (const us of [0, 300, 2000, 20000]) {
    const environment = new BrowserEnvironment();
    const at = environment.now() + us;
    await new Promise((resolve) => { environment.attach(resolve); environment.wakeAt(at); });
    late.push(environment.now() - at);
  }
  const { entropy } = new BrowserEnvironment();
  return { late, words: Array.from({ length: 3000 }, () => entropy.int32()) };
};
`;
const WORKER_SCRIPT = `${SCRIPT}
onmessage = ({ data }) => run(data).then((result) => postMessage({ result }), (error) => postMessage({ error: String(error.stack) }));
`;

let server: Server;
let origin = '';
let node: DemoResult;
let context: BrowserContext;
let profile = '';
const served = new Set<string>();

async function fileFor(path: string): Promise<{ type: string; body: string | Buffer } | null> {
  const script = (body: string | Buffer): { type: string; body: string | Buffer } => ({ type: 'text/javascript', body });
  if (path === '/') return { type: 'text/html', body: '<!doctype html><title>sockscape</title><script type="module" src="/page.js"></script>' };
  if (path === '/page.js') return script(PAGE_SCRIPT);
  if (path === '/worker.js') return script(WORKER_SCRIPT);
  if (path === '/demo-world.js') {
    const source = readFileSync(join(root, 'test/browser/demo-world.ts'), 'utf8');
    return script((await transform(source, { loader: 'ts', format: 'esm', target: 'es2022' })).code);
  }
  const name = path.startsWith('/dist/browser/') ? path.slice('/dist/browser/'.length) : '';
  return browserFiles().includes(name) ? script(readFileSync(join(dist, 'browser', name))) : null;
}

before(async () => {
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--no-types'], { encoding: 'utf8' });
  equal(built.status, 0, built.stderr);
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    fileFor(path).then((file) => {
      if (file !== null) served.add(path);
      response.writeHead(file === null ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' });
      response.end(file?.body ?? 'not here');
    }, (error: Error) => response.writeHead(500).end(String(error.stack)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const entry = async (name: string): Promise<unknown> => import(pathToFileURL(join(dist, 'node', `${name}.js`)).href);
  node = await demoWorld({ sockscape: await entry('index'), sim: await entry('sim') } as Entries, SEED);
});

after(async () => {
  await context?.close();
  if (profile !== '') rmSync(profile, { recursive: true, force: true });
  server.close();
});

/** A fresh page of a browser with a fresh profile; what goes wrong in it goes into `complaints`. */
async function openPage(complaints: string[]): Promise<Page> {
  if (profile === '') {
    profile = mkdtempSync(join(tmpdir(), 'ss-page-'));
    const executablePath = chromium();
    ok(executablePath !== null);
    context = await engine.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS });
  }
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
  page.on('response', (response) => {
    if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) complaints.push(`${response.url()}: ${response.status()}`);
  });
  await page.goto(origin);
  await page.waitForFunction(() => 'runDemo' in globalThis, undefined, { timeout: 20_000 }).catch((error: Error) => {
    throw new Error(`the page did not load: ${complaints.join('; ')}`, { cause: error });
  });
  return page;
}

interface PageResult extends Omit<DemoResult, 'pcapng'> {
  readonly pcapng: string;
}

function compare(result: PageResult): void {
  const { pcapng, ...rest } = result;
  const { pcapng: ours, ...expected } = node;
  deepEqual(rest, expected);
  const bytes = Buffer.from(pcapng, 'base64');
  equal(bytes.length, ours.length);
  let at = 0;
  while (at < bytes.length && bytes[at] === ours[at]) at++;
  equal(at, bytes.length, `the captures differ from byte ${at} on (seed ${SEED})`);
}

test('the demo world is worth comparing: the answer, every kind of fault, hundreds of frames', () => {
  equal(node.answer, 'You wrote: hello\r\n');
  ok(node.frames > 500, `${node.frames} frames`);
  for (const fault of FAULTS) ok(node.struck[fault] > 0, `${fault}: ${JSON.stringify(node.struck)}`);
  const { lost, duplicated, corrupted, heldBack } = node.struck;
  ok(lost + duplicated + corrupted + heldBack > 50, JSON.stringify(node.struck));
  equal([...readPcapng(node.pcapng)].length, node.frames);
});

test('another seed is another capture', async () => {
  const entry = async (name: string): Promise<unknown> => import(pathToFileURL(join(dist, 'node', `${name}.js`)).href);
  const other = await demoWorld({ sockscape: await entry('index'), sim: await entry('sim') } as Entries, `${SEED} too`);
  ok(Buffer.compare(other.pcapng, node.pcapng) !== 0);
});

test("a page's capture is byte for byte Node's", { ...needs('chromium'), timeout: 120_000 }, async () => {
  const complaints: string[] = [];
  const page = await openPage(complaints);
  compare(await page.evaluate((text) => (globalThis as unknown as { runDemo(seed: string): Promise<PageResult> }).runDemo(text), SEED));
  deepEqual(complaints, []);
  ok(served.has('/dist/browser/index.js') && served.has('/dist/browser/sim.js'));
});

test("a worker's capture is byte for byte Node's", { ...needs('chromium'), timeout: 120_000 }, async () => {
  const complaints: string[] = [];
  const page = await openPage(complaints);
  compare(await page.evaluate((text) => (globalThis as unknown as { runInWorker(seed: string): Promise<PageResult> }).runInWorker(text), SEED));
  deepEqual(complaints, []);
});

test('the environment of a page wakes on time and never early, and has entropy', { ...needs('chromium'), timeout: 60_000 }, async () => {
  const page = await openPage([]);
  const { late, words } = await page.evaluate(() =>
    (globalThis as unknown as { wakeUps(): Promise<{ late: number[]; words: number[] }> }).wakeUps(),
  );
  ok(late.every((us) => us >= 0 && us < 100_000), `late by ${late.join(', ')} µs`);
  equal(new Set(words).size > 2990, true);
  ok(words.every((word) => word === (word | 0)));
});

test('no bundle for pages asks for a module of Node', () => {
  const files = browserFiles();
  ok(files.includes('index.js') && files.includes('sim.js') && files.includes('browser.js'));
  for (const name of files) {
    const text = readFileSync(join(dist, 'browser', name), 'utf8');
    equal(/["'`]node:[a-z_/]+["'`]/.exec(text)?.[0], undefined, name);
    for (const found of text.matchAll(/(?<!["'\w])(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) match(found[1], /^\.\/[\w.-]+\.js$/, name);
  }
});
