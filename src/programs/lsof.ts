/**
 * lsof(8): who has which files open. It reads /proc as that does: /proc/PID for processes and descriptors, /proc/net for
 * what is behind sockets.
 */
import { isErrno } from '../api/posix/errors.ts';
import { getnameinfo } from '../api/posix/getnameinfo.ts';
import { NI_DGRAM, NI_NUMERICHOST, NI_NUMERICSERV } from '../api/posix/netdb-constants.ts';
import type { Process } from '../api/posix/process.ts';
import { sockaddrIn, sockaddrIn6 } from '../api/posix/sockaddr.ts';
import { readText } from '../api/posix/text-file.ts';
import { Accounts } from './accounts.ts';
import { guarded, say, UsageFault, warn } from './getopt.ts';
import { chosenBy, isSelected, type LsofChoice, readLsofOptions } from './lsof-options.ts';
import { listDirectory } from './proc-files.ts';
import { type InetEntry, readSocketTables, type SocketTables } from './proc-sockets.ts';

/** One open file of a process. */
export interface LsofLine {
  readonly command: string;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  /** `cwd`, `rtd`, or a descriptor; the access follows: r, w, u. */
  readonly fd: string;
  readonly access: string;
  readonly type: string;
  readonly device: string;
  readonly size: string;
  readonly node: string;
  readonly name: string;
  /** What it is, when it is one of the Internet's. */
  readonly inet: InetEntry | null;
}

interface Owner {
  readonly command: string;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
}

const S_IFMT = 0o170000, S_IFREG = 0o100000, S_IFDIR = 0o040000, S_IFCHR = 0o020000, S_IFIFO = 0o010000, S_IFSOCK = 0o140000;

function numbers(device: number): string {
  return `${device >> 8},${device & 0xff}`;
}

class Lister {
  private readonly process: Process;
  private readonly choice: LsofChoice;
  private readonly tables: SocketTables;

  constructor(process: Process, choice: LsofChoice, tables: SocketTables) {
    this.process = process;
    this.choice = choice;
    this.tables = tables;
  }

  async linesOf(owner: Owner): Promise<LsofLine[]> {
    const { process } = this;
    const base = `/proc/${owner.pid}`;
    const lines: LsofLine[] = [];
    for (const [fd, link] of [['cwd', 'cwd'], ['rtd', 'root'], ['txt', 'exe']] as const) {
      const line = await this.named(owner, fd, '', `${base}/${link}`);
      if (line !== null) lines.push(line);
    }
    let names: string[];
    try {
      names = await listDirectory(process, `${base}/fd`);
    } catch (error) {
      if (!isErrno(error, 'EACCES')) return lines;
      lines.push({ ...owner, ...NO_COLUMNS, fd: 'NOFD', name: `${base}/fd (opendir: Permission denied)` });
      return lines;
    }
    for (const fd of names.map(Number).sort((a, b) => a - b)) {
      const path = `${base}/fd/${fd}`;
      let access = '';
      try {
        const { mode } = await process.lstat(path);
        access = (mode & 0o600) === 0o600 ? 'u' : (mode & 0o400) !== 0 ? 'r' : (mode & 0o200) !== 0 ? 'w' : '';
      } catch {
        continue;
      }
      const line = await this.named(owner, String(fd), access, path);
      if (line !== null) lines.push(line);
    }
    return lines;
  }

  /** What a link of /proc leads to; null when it is gone. */
  private async named(owner: Owner, fd: string, access: string, path: string): Promise<LsofLine | null> {
    const { process } = this;
    try {
      const link = await process.readlink(path);
      const { mode, dev, ino, rdev, size } = await process.stat(path);
      const common = { ...owner, ...NO_COLUMNS, fd, access, node: String(ino) };
      switch (mode & S_IFMT) {
        case S_IFSOCK: return await this.socket({ ...common, device: numbers(dev) }, ino);
        case S_IFIFO: return { ...common, type: 'FIFO', device: numbers(dev), size: '0t0', name: link.startsWith('pipe:') ? 'pipe' : link };
        case S_IFCHR: return { ...common, type: 'CHR', device: numbers(rdev), size: '0t0', name: link };
        case S_IFDIR: return { ...common, type: 'DIR', device: numbers(dev), size: String(size), name: link };
        case S_IFREG: return { ...common, type: 'REG', device: numbers(dev), size: String(size), name: link };
        default: return { ...common, type: 'a_inode', device: numbers(dev), size: '0', name: link.replace(/^anon_inode:/, '') };
      }
    } catch (error) {
      if (isErrno(error, 'EACCES')) {
        return { ...owner, ...NO_COLUMNS, fd, type: 'unknown', name: `${path} (readlink: Permission denied)` };
      }
      // A process without a file for its program.
      return fd === 'txt' && isErrno(error, 'ENOENT') ? { ...owner, ...NO_COLUMNS, fd, type: 'unknown', name: path } : null;
    }
  }

  private async socket(line: LsofLine, inode: number): Promise<LsofLine> {
    const { inet, unix, packet, raw } = this.tables;
    const address = inet.get(inode);
    if (address !== undefined) {
      const name = `${await this.ends(address)}${address.protocol === 'UDP' ? ' ' : ` (${address.state})`}`;
      return { ...line, type: address.isV4 ? 'IPv4' : 'IPv6', device: String(inode), size: '0t0', node: address.protocol, name, inet: address };
    }
    const local = unix.get(inode);
    if (local !== undefined) return { ...line, type: 'unix', device: `0x${local.pointer}`, size: '0t0', name: local.text };
    const frames = packet.get(inode);
    if (frames !== undefined) return { ...line, type: 'pack', device: String(inode), size: '0t0', node: frames.protocol, name: `type=${frames.type}` };
    const whole = raw.get(inode);
    if (whole !== undefined) return { ...line, type: whole.isV4 ? 'raw' : 'raw6', device: '', size: '0t0', name: whole.text };
    return { ...line, type: 'sock', size: '0t0', name: "can't identify protocol" };
  }

  private async ends({ isV4, protocol, localHost, localPort, remoteHost, remotePort }: InetEntry): Promise<string> {
    const local = await this.end(isV4, protocol, localHost, localPort);
    return remotePort === 0 ? local : `${local}->${await this.end(isV4, protocol, remoteHost, remotePort)}`;
  }

  private async end(isAf4: boolean, protocol: string, text: string, port: number): Promise<string> {
    const { choice, process } = this;
    // An IPv4 address is told as one, whichever family the socket is of.
    const host = text.replace(/^::ffff:(?=\d+\.)/, '');
    const isV4 = isAf4 || host !== text;
    const isAny = host === '0.0.0.0' || host === '::';
    const address = isV4 ? sockaddrIn(host, port) : sockaddrIn6(host, port);
    const flags = (choice.numericHosts || isAny ? NI_NUMERICHOST : 0) | (choice.numericPorts ? NI_NUMERICSERV : 0) | (protocol === 'UDP' ? NI_DGRAM : 0);
    // Without a name server to ask, an address is its own name.
    const named = await getnameinfo(process, address, flags).catch(() => getnameinfo(process, address, flags | NI_NUMERICHOST));
    const isNumber = named.host.includes(':');
    return `${isAny ? '*' : isNumber ? `[${named.host}]` : named.host}:${port === 0 ? '*' : named.service}`;
  }
}

const NO_COLUMNS = { fd: '', access: '', type: '', device: '', size: '', node: '', name: '', inet: null } as const;

async function owners(process: Process): Promise<Owner[]> {
  const pids = (await listDirectory(process, '/proc')).filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
  const found: Owner[] = [];
  for (const pid of pids) {
    // PID (COMMAND) STATE PPID ...; a command may hold blanks and parentheses.
    const match = /^\d+ \((.*)\) (\S) (\d+) /s.exec(await readText(process, `/proc/${pid}/stat`));
    if (match === null || match[2] === 'Z') continue;
    try {
      const { uid } = await process.stat(`/proc/${pid}`);
      found.push({ command: match[1] ?? '', pid, ppid: Number(match[3]), uid });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function table(lines: readonly LsofLine[], choice: LsofChoice, accounts: Accounts): string {
  const header = ['COMMAND', 'PID', ...(choice.showsParent ? ['PPID'] : []), 'USER', 'FD  ', 'TYPE', 'DEVICE', 'SIZE/OFF', 'NODE', 'NAME'];
  const rows = lines.map((line) => [
    choice.commandWidth === 0 ? line.command : line.command.slice(0, choice.commandWidth), String(line.pid),
    ...(choice.showsParent ? [String(line.ppid)] : []), choice.numericUsers ? String(line.uid) : accounts.user(line.uid),
    `${line.fd.padStart(4)}${line.access.padEnd(1)} `, line.type, line.device, line.size, line.node, line.name,
  ]);
  const last = header.length - 1;
  const widths = header.map((word, i) => Math.max(word.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [header, ...rows].map((row) => `${row.map((word, i) => {
    if (i === 0) return word.padEnd(widths[0] ?? 0);
    return i === last ? word : word.padStart(widths[i] ?? 0);
  }).join(' ')}\n`).join('');
}

/** -F: a field a line, each with its letter in front, for other programs. */
function fieldText(lines: readonly LsofLine[], fields: string, accounts: Accounts): string {
  let text = '';
  let pid = -1;
  const wants = (letter: string): boolean => fields === '' || fields.includes(letter);
  for (const line of lines) {
    if (line.pid !== pid) {
      pid = line.pid;
      text += `p${pid}\n`;
      if (wants('R')) text += `R${line.ppid}\n`;
      if (wants('c')) text += `c${line.command}\n`;
      if (wants('u')) text += `u${line.uid}\n`;
      if (wants('L')) text += `L${accounts.user(line.uid)}\n`;
    }
    text += `f${line.fd}\n`;
    if (wants('a') && line.access !== '') text += `a${line.access}\n`;
    if (wants('t')) text += `t${line.type}\n`;
    if (wants('P') && line.inet !== null) text += `P${line.inet.protocol}\n`;
    if (wants('n')) text += `n${line.inet === null ? line.name : line.name.replace(/ \([^)]*\)$| $/, '')}\n`;
    if (wants('T') && line.inet?.protocol === 'TCP') text += `TST=${line.inet.state}\n`;
  }
  return text;
}

export function lsof(process: Process, args: readonly string[]): Promise<number> {
  return guarded(process, 'lsof', 1, () => run(process, args));
}

async function run(process: Process, args: readonly string[]): Promise<number> {
  try {
    const choice = readLsofOptions(args);
    const accounts = await Accounts.read(process);
    const selection = await chosenBy(process, choice, accounts);
    const tables = await readSocketTables(process);
    const lister = new Lister(process, choice, tables);
    const lines: LsofLine[] = [];
    for (const owner of await owners(process)) {
      for (const line of await lister.linesOf(owner)) if (isSelected(line, selection)) lines.push(line);
    }
    if (lines.length === 0) return 1;
    if (choice.terse) await say(process, [...new Set(lines.map(({ pid }) => `${pid}\n`))].join(''));
    else if (choice.fields !== null) await say(process, fieldText(lines, choice.fields, accounts));
    else await say(process, table(lines, choice, accounts));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    await warn(process, `lsof: ${error.message}\n`);
    return 1;
  }
}
