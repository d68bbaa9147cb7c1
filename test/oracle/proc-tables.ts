/** The tables of /proc/net as programs compare them. */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { portOf } from './address.ts';
import { O } from './numbers.ts';
import type { ProgramEnvironment } from './program.ts';
import { room, silently } from './toolkit.ts';

const LOWEST_AUTOMATIC = 32768;

export async function contents(p: Syscalls, path: string): Promise<string> {
  const fd = await p.open(path, O.RDONLY);
  const buffer = room(4000);
  let all = '';
  for (let n = await p.read(fd, buffer); n > 0; n = await p.read(fd, buffer)) all += String.fromCharCode(...buffer.subarray(0, n));
  await p.close(fd);
  return all;
}

/** Inode numbers by the descriptors that have them. */
async function inodesOf(p: Syscalls): Promise<Map<string, string>> {
  const inodes = new Map([['0', '0']]);
  for (let fd = 3; fd < 60; fd++) {
    try {
      const inode = String((await p.fstat(fd)).ino);
      if (!inodes.has(inode)) inodes.set(inode, `fd${fd}`);
    } catch {
      // Not open.
    }
  }
  return inodes;
}

export interface Columns {
  /** Which columns, split at blanks, hold an inode, ends, and what is each kernel's own affair. */
  readonly inode: number;
  readonly ends?: readonly number[];
  readonly masked: readonly number[];
  /** Which lines are compared. */
  readonly isLine?: (words: readonly string[]) => boolean;
  /** Lines are as long as each other. */
  readonly isPadded?: boolean;
}

/**
 * Lines of a table: inodes and automatic ports by the descriptors that have them; pointers, buckets and times hidden; sorted,
 * since tables are hashed.
 */
export class Tables {
  private readonly env: ProgramEnvironment;
  private readonly p: Syscalls;
  private readonly ports = new Map<string, string>();

  constructor(env: ProgramEnvironment, p: Syscalls) {
    this.env = env;
    this.p = silently(p);
  }

  private async learnPorts(fds: Iterable<string>): Promise<void> {
    for (const name of fds) {
      try {
        const port = portOf(await this.p.getsockname(Number(name.slice(2))));
        const digits = port.toString(16).toUpperCase().padStart(4, '0');
        if (port >= LOWEST_AUTOMATIC && !this.ports.has(digits)) this.ports.set(digits, `port of ${name}`);
      } catch {
        // No socket.
      }
    }
  }

  async show(name: string, { inode, ends = [], masked, isLine = () => true, isPadded = false }: Columns): Promise<void> {
    const { env, p, ports } = this;
    const inodes = await inodesOf(p);
    if (ends.length > 0) await this.learnPorts(inodes.values());
    const [header = '', ...lines] = (await contents(p, `/proc/net/${name}`)).split('\n');
    env.note(`${name} header`, header);
    const rows = lines.filter((line) => line !== '' && isLine(line.split(/\s+/))).map((line) => {
      const words = line.split(/\s+/).filter((word) => word !== '');
      words[inode] = inodes.get(words[inode] ?? '') ?? 'another';
      for (const at of masked) if (words[at] !== undefined) words[at] = /^\d\d:\w/.test(words[at]) ? maskTime(words[at]) : '*';
      for (const at of ends) words[at] = (words[at] ?? '').replace(/:(\w+)$/, (whole, port: string) => (ports.has(port) ? `:${ports.get(port)}` : whole));
      return `${words.join(' ')}${isPadded ? ` ${line.length}` : ''}`;
    });
    rows.sort().forEach((row, i) => env.note(`${name} ${i}`, row));
  }
}

/** A timer's kind stays, its time does not. */
function maskTime(word: string): string {
  return word.replace(/:[0-9A-F]{8}$/, ':*');
}

/** How many refer to a TCP socket follows from timers that are off and not taken down yet. */
export const TCP_COLUMNS: Columns = { inode: 9, ends: [1, 2], masked: [0, 5, 10, 11] };
export const DATAGRAM_COLUMNS: Columns = { inode: 9, ends: [1, 2], masked: [0, 11] };
