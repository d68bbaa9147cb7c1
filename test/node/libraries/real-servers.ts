/**
 * Debian's servers, each as a process of the test's own: on a free port of 127.0.0.1, with everything that it writes in a
 * folder that goes with it. Nothing of the machine's own configuration is read, and nothing is left running.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, postgresPrograms } from '../../needs.ts';

/** How long a server may take until it answers: RabbitMQ does, on a busy machine. */
const START_MS = 90_000;
const LAST_WORDS = 2000;

export const PASSWORD = 'a password';

export interface RealServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A folder, and processes that end with it. */
class Place {
  readonly folder: string;
  private readonly children: ChildProcess[] = [];
  private words = '';

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `sockscape-${name}-`));
    process.once('exit', this.killAll);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  private readonly killAll = (): void => {
    for (const child of this.children) this.signal(child, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };

  /** It leads a group of its own: what it starts ends with it. */
  private signal(child: ChildProcess, signal: NodeJS.Signals): void {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Gone already.
    }
  }

  start(program: string, args: readonly string[], environment: Record<string, string> = {}, user?: Owner): ChildProcess {
    const child = spawn(program, args, {
      cwd: this.folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LANG: 'C', HOME: this.folder, ...environment },
      ...(user ?? {}),
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.words = (this.words + text.toString('utf8')).slice(-LAST_WORDS);
      });
    }
    child.on('error', (error) => {
      this.words += error.message;
    });
    this.children.push(child);
    return child;
  }

  run(program: string, args: readonly string[], user?: Owner): void {
    const run = spawnSync(program, args, { cwd: this.folder, encoding: 'utf8', env: { PATH: process.env.PATH, LANG: 'C', HOME: this.folder }, timeout: START_MS, ...(user ?? {}) });
    if (run.status !== 0) throw new Error(`${program} failed: ${run.error?.message ?? (run.stdout + run.stderr).slice(-LAST_WORDS)}`);
  }

  /** Waits until somebody answers on the port. */
  async ready(port: number): Promise<RealServer> {
    const end = performance.now() + START_MS;
    const server = this.children.at(-1) as ChildProcess;
    while (!(await answers(port))) {
      if (server.exitCode !== null || server.signalCode !== null || performance.now() > end) {
        await this.stop();
        throw new Error(`${server.spawnfile} does not answer: ${this.words}`);
      }
      await pause(50);
    }
    return { port, stop: () => this.stop() };
  }

  async stop(): Promise<void> {
    for (const child of [...this.children].reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      this.signal(child, 'SIGTERM');
      const timer = setTimeout(() => this.signal(child, 'SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
      this.signal(child, 'SIGKILL');
    }
    process.off('exit', this.killAll);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function program(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed`);
  return path;
}

export async function startRedis(): Promise<RealServer> {
  const place = new Place('redis');
  const port = await freePort();
  place.start(program('redis-server'), [
    '--port', String(port), '--bind', '127.0.0.1', '--dir', place.folder, '--save', '', '--appendonly', 'no', '--requirepass', PASSWORD,
  ]);
  return place.ready(port);
}

export async function startNats(): Promise<RealServer> {
  const place = new Place('nats');
  const port = await freePort();
  place.start(program('nats-server'), ['--addr', '127.0.0.1', '--port', String(port), '--user', 'app', '--pass', PASSWORD]);
  return place.ready(port);
}

export async function startMosquitto(): Promise<RealServer> {
  const place = new Place('mosquitto');
  const port = await freePort();
  const file = place.write('mosquitto.conf', `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n`);
  place.start(program('mosquitto'), ['-c', file]);
  return place.ready(port);
}

export async function startMariadb(): Promise<RealServer> {
  const place = new Place('mariadb');
  const port = await freePort();
  const data = place.path('data');
  const socket = place.path('socket');
  // As root, which it does not need, when the test is: it must be named.
  const user = process.geteuid?.() === 0 ? ['--user=root'] : [];
  place.run(program('mariadb-install-db'), [
    '--no-defaults', `--datadir=${data}`, ...user, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve',
  ]);
  const start = place.write('start.sql', `CREATE DATABASE shop;\nCREATE USER app@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';\nGRANT ALL ON shop.* TO app@'127.0.0.1';\n`);
  place.start(program('mariadbd'), [
    '--no-defaults', `--datadir=${data}`, ...user, '--bind-address=127.0.0.1', `--port=${port}`, `--socket=${socket}`, `--pid-file=${place.path('pid')}`,
    '--skip-name-resolve', `--init-file=${start}`, '--innodb-buffer-pool-size=16M', '--innodb-flush-log-at-trx-commit=0',
  ]);
  return place.ready(port);
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL does not run as root: Debian's package makes a user for it. */
function postgresOwner(): Owner | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const [, , uid, gid] = (readFileSync('/etc/passwd', 'utf8').split('\n').find((line) => line.startsWith('postgres:')) ?? '').split(':');
  if (uid === undefined) throw new Error('there is no user postgres');
  return { uid: Number(uid), gid: Number(gid) };
}

export async function startPostgres(): Promise<RealServer> {
  const folder = postgresPrograms();
  if (folder === null) throw new Error('PostgreSQL is not installed');
  const place = new Place('postgres');
  const port = await freePort();
  const owner = postgresOwner();
  if (owner !== undefined) chownSync(place.folder, owner.uid, owner.gid);
  const password = place.write('password', PASSWORD);
  if (owner !== undefined) chownSync(password, owner.uid, owner.gid);
  const data = place.path('data');
  place.run(join(folder, 'initdb'), ['-D', data, '-U', 'app', '-A', 'scram-sha-256', `--pwfile=${password}`, '--no-sync', '--no-locale', '-E', 'UTF8'], owner);
  place.start(join(folder, 'postgres'), [
    '-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', place.folder, '-F', '-c', 'shared_buffers=16MB', '-c', 'max_connections=20',
  ], {}, owner);
  return place.ready(port);
}

/** The nodes of Erlang find each other by a daemon; this one has its own. */
export async function startRabbit(): Promise<RealServer> {
  const place = new Place('rabbitmq');
  const names = await freePort();
  const between = await freePort();
  const port = await freePort();
  const script = '/usr/lib/rabbitmq/bin/rabbitmq-server';
  if (!existsSync(script)) throw new Error('rabbitmq-server is not installed');
  const environment = { ERL_EPMD_PORT: String(names), ERL_EPMD_ADDRESS: '127.0.0.1' };
  place.start(program('epmd'), [], environment);
  for (const name of ['mnesia', 'log']) mkdirSync(place.path(name));
  place.write('.erlang.cookie', 'sockscape');
  chmodSync(place.path('.erlang.cookie'), 0o400);
  place.start(script, [], {
    ...environment, RABBITMQ_NODENAME: `sockscape-${port}@localhost`, RABBITMQ_MNESIA_BASE: place.path('mnesia'), RABBITMQ_LOG_BASE: place.path('log'),
    RABBITMQ_LOGS: '-', RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1', RABBITMQ_NODE_PORT: String(port), RABBITMQ_DIST_PORT: String(between),
    RABBITMQ_ENABLED_PLUGINS_FILE: place.write('plugins', '[].\n'), RABBITMQ_CONF_ENV_FILE: place.write('env.conf', ''),
    RABBITMQ_CONFIG_FILE: place.write('rabbitmq.conf', 'loopback_users = none\n').replace(/\.conf$/, ''),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  });
  return place.ready(port);
}
