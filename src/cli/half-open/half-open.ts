/**
 * `sockscape demo half-open`: what becomes of a database client when a firewall between it and its server begins to drop
 * silently. An unchanged `pg` on one host, a server written with net on another, virtual time: a quarter of an hour of
 * timeouts in a moment.
 *
 *   app 10.0.1.1 --5 ms-- firewall --5 ms-- db 10.0.2.2
 */
import type { Client, ClientConfig } from 'pg';
import { setsockopt } from '../../api/node/socket-options.ts';
import type { NodeHost } from '../../platform/node/virtual/node-host.ts';
import { type NodeWorld, prepareNode } from '../../platform/node/virtual/node-world.ts';
import { ping } from '../../programs/ping/ping.ts';
import { runOn } from '../../sim/host-programs.ts';
import { IPPROTO, TCP } from '../../socket/constants.ts';
import { commandWorld } from '../leftovers.ts';
import { complain, print } from '../output.ts';
import { bold, playWithCapture, type ShownCapture, showSockets } from '../played-demo.ts';
import { DATABASE_PORT, serveDatabase } from './database.ts';

const CABLE_DELAY_US = 5000;
const USER_TIMEOUT_MS = 5500;
/** Idle seconds until the first probe of keepalive; libuv sends ten more, one each second. */
const KEEP_ALIVE_MS = 5000;
/** When `ss -o` is shown, in seconds after the query that hangs. */
const LOOKS_S = [0.3, 3, 70, 500];

/** What a client library can be told, and what it then learned: one act of the demo. */
interface Act {
  readonly title: string;
  readonly config: ClientConfig;
  /** Is a query on its way when the firewall begins to drop? */
  readonly inFlight: boolean;
  readonly userTimeoutMs?: number;
}

const FIRST: Act = { title: 'query two is in flight, no keepalive', config: {}, inFlight: true };
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS };
const OTHERS: readonly Act[] = [
  { title: `idle, keepAlive after ${KEEP_ALIVE_MS / 1000} s`, config: KEEP_ALIVE, inFlight: false },
  { title: 'query two in flight, the same keepAlive', config: KEEP_ALIVE, inFlight: true },
  { title: `query two in flight, TCP_USER_TIMEOUT ${USER_TIMEOUT_MS / 1000} s`, config: {}, inFlight: true, userTimeoutMs: USER_TIMEOUT_MS },
];

/** How an act ended. */
interface Outcome {
  readonly code: string;
  readonly afterUs: number;
}

/** Runs the demo; returns its exit status. `file` is the capture of the first act. */
export async function halfOpen(seed: string, file: string): Promise<number> {
  prepareNode();
  const pg = await loadPg();
  if (pg === null) return 1;
  return playWithCapture('half-open', seed, file, async (capture) => {
    print(`${bold('app, firewall, db')}: an unchanged pg client, a server written with net, a round trip of 20 ms\n\n`);
    const first = await commandWorld({ seed }, (world) => play(world, FIRST, pg.Client, capture));
    tell(FIRST, first);
    for (const act of OTHERS) tell(act, await commandWorld({ seed }, (world) => play(world, act, pg.Client, null)));
  });
}

function tell(act: Act, { code, afterUs }: Outcome): void {
  print(`${bold(`${code} after ${(afterUs / 1e6).toFixed(1)} s`)}: ${act.title}\n`);
}

/** `pg` is an optional dependency: whoever wants the demo has it. */
async function loadPg(): Promise<typeof import('pg') | null> {
  try {
    return (await import('pg')).default as unknown as typeof import('pg');
  } catch {
    complain("sockscape demo half-open: it plays with the database client 'pg', which is not installed: npm install pg\n");
    return null;
  }
}

async function play(world: NodeWorld, act: Act, PgClient: typeof Client, capture: ShownCapture | null): Promise<Outcome> {
  const app = world.host('app');
  const firewall = world.host('firewall');
  const db = world.host('db');
  const inner = world.cable(app, firewall, { delayUs: CABLE_DELAY_US });
  world.cable(firewall, db, { delayUs: CABLE_DELAY_US });
  firewall.sysctl('net.ipv4.ip_forward', 1);
  app.addRoute('default', { via: '10.0.1.2' });
  db.addRoute('default', { via: '10.0.2.1' });
  app.writeFile('/etc/hosts', '127.0.0.1\tlocalhost\n10.0.2.2\tdb\n');
  await db.run(serveDatabase);
  // Everybody knows everybody's MAC address: the first round trip of TCP is one of 20 ms.
  await runOn(app, 'ping', ping, ['-c', '1', 'db'], (sentence) => new Error(sentence));
  if (capture !== null) {
    capture.watch(world, app, inner.a);
    capture.show(inner.a, 'ip and tcp');
  }
  return app.run(() => session(world, act, PgClient, firewall, capture === null ? null : () => showSockets(world, app, '-tno')));
}

/** What the program of the client does, as anybody's would. */
async function session(world: NodeWorld, act: Act, PgClient: typeof Client, firewall: NodeHost, showState: (() => Promise<void>) | null): Promise<Outcome> {
  const client = new PgClient({ host: 'db', user: 'app', database: 'shop', ...act.config });
  const lost = new Promise<NodeJS.ErrnoException>((resolve) => client.on('error', resolve));
  await client.connect();
  if (act.userTimeoutMs !== undefined) {
    const { stream } = (client as unknown as { connection: { stream: object } }).connection;
    setsockopt(stream, IPPROTO.TCP, TCP.USER_TIMEOUT, act.userTimeoutMs);
  }
  const { rows } = await client.query('select one');
  if (showState !== null) print(`query one: ${JSON.stringify(rows)}\n`);
  firewall.firewall.append('forward', { protocol: 'tcp', port: DATABASE_PORT, action: 'drop' });
  firewall.firewall.append('forward', { protocol: 'tcp', sourcePort: DATABASE_PORT, action: 'drop' });
  const begunUs = world.now;
  if (showState !== null) print(`${bold('the firewall drops from now on')}, without a word\nquery two:\n`);
  const query = act.inFlight ? client.query('select two').then(() => null, (error: NodeJS.ErrnoException) => error) : null;
  const looks = showState === null ? null : looksAt(world, begunUs, showState);
  const error = query === null ? await lost : ((await query) as NodeJS.ErrnoException);
  const afterUs = world.now - begunUs;
  await looks;
  return { code: error.code ?? error.message, afterUs };
}

async function looksAt(world: NodeWorld, begunUs: number, show: () => Promise<void>): Promise<void> {
  for (const seconds of LOOKS_S) {
    await world.sleep(begunUs + seconds * 1e6 - world.now);
    await show();
  }
}
