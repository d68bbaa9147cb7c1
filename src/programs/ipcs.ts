/**
 * ipcs(1): what there is of System V message queues, shared memory and semaphores, in util-linux's words. It reads
 * /proc/sysvipc and /proc/sys/kernel as that does.
 */
import { GETNCNT, GETPID, GETVAL, GETZCNT, IPC_STAT } from '../api/posix/constants.ts';
import { isErrno } from '../api/posix/errors.ts';
import type { MessageQueueStatus, SemaphoreSetStatus, SharedSegmentStatus } from '../api/posix/ipc-syscalls.ts';
import type { Process } from '../api/posix/process.ts';
import { readText } from '../api/posix/text-file.ts';
import { Accounts } from './accounts.ts';
import { getopt, guarded, say, UsageFault, warn } from './getopt.ts';

const LONG: Readonly<Record<string, string>> = {
  id: 'i', shmems: 'm', queues: 'q', semaphores: 's', all: 'a', time: 't', pid: 'p', creator: 'c', limits: 'l', summary: 'u', bytes: 'b',
};
const PAGE = 4096;
const SHM_DEST = 0o1000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** A line of /proc/sysvipc, by the names of its header. */
type Row = Readonly<Record<string, number>>;

async function rows(process: Process, kind: string): Promise<Row[]> {
  const [header = '', ...lines] = (await readText(process, `/proc/sysvipc/${kind}`)).split('\n');
  const names = words(header);
  return lines.filter((line) => line.trim() !== '').map((line) => {
    const values = words(line);
    return Object.fromEntries(names.map((name, i) => [name, Number.parseInt(values[i] ?? '0', name === 'perms' ? 8 : 10)]));
  });
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}

/** ctime(3) in UTC, without its end of line. */
function dateText(seconds: number): string {
  if (seconds === 0) return 'Not set';
  const days = Math.floor(seconds / 86400);
  const rest = seconds - days * 86400;
  const { year, month, day } = civil(days);
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => String(part).padStart(2, '0')).join(':');
  return `${DAYS[(days + 4) % 7]} ${MONTHS[month - 1]} ${String(day).padStart(2)} ${clock} ${year}`;
}

/** The date of a day since 1970, by the Gregorian calendar: years begin in March here, so that leap days are their last. */
function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const inEra = shifted - era * 146097;
  const yearOfEra = Math.floor((inEra - Math.floor(inEra / 1460) + Math.floor(inEra / 36524) - Math.floor(inEra / 146096)) / 365);
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * inYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const day = inYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Without the day of the week and the year. */
function shortDate(seconds: number): string {
  return seconds === 0 ? 'Not set' : dateText(seconds).slice(4, 19);
}

function columns(widths: readonly number[], values: readonly (string | number)[]): string {
  return `${values.map((value, i) => String(value).padEnd(widths[i] ?? 0)).join(' ')}\n`;
}

function keyText(key: number): string {
  return `0x${(key >>> 0).toString(16).padStart(8, '0')}`;
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8);
}

/** What one of the three kinds prints in each form. */
interface Kind {
  readonly file: string;
  readonly title: string;
  readonly id: string;
  readonly table: (list: readonly Row[], form: Form, accounts: Accounts) => string;
}

type Form = 'status' | 'times' | 'creators' | 'pids';

function creators(title: string, id: string, list: readonly Row[], accounts: Accounts): string {
  return `------ ${title} Creators/Owners --------\n${columns(FIVE_WIDE, [id, 'perms', 'cuid', 'cgid', 'uid', 'gid'])}` +
    list.map((row) => columns(FIVE_WIDE, [
      row[id] ?? 0, octal(row.perms ?? 0), accounts.user(row.cuid ?? 0), accounts.group(row.cgid ?? 0), accounts.user(row.uid ?? 0),
      accounts.group(row.gid ?? 0),
    ])).join('');
}

const FIVE_WIDE = [10, 10, 10, 10, 10, 10];

const queues: Kind = {
  file: 'msg', title: 'Message Queues', id: 'msqid',
  table(list, form, accounts) {
    const owner = (row: Row): string => accounts.user(row.uid ?? 0);
    switch (form) {
      case 'creators': return creators('Message Queues', 'msqid', list, accounts);
      case 'times': return `------ Message Queues Send/Recv/Change Times --------\n${columns([8, 10, 20, 20, 20], ['msqid', 'owner', 'send', 'recv', 'change'])}` +
        list.map((row) => columns([8, 10, 20, 20, 20], [
          row.msqid ?? 0, owner(row), shortDate(row.stime ?? 0), shortDate(row.rtime ?? 0), shortDate(row.ctime ?? 0),
        ])).join('');
      case 'pids': return `------ Message Queues PIDs --------\n${columns(FIVE_WIDE, ['msqid', 'owner', 'lspid', 'lrpid'])}` +
        list.map((row) => `${String(row.msqid).padEnd(8)} ${owner(row).padEnd(10)} ${String(row.lspid).padStart(5)}     ${String(row.lrpid).padStart(5)}\n`).join('');
      default: return `------ Message Queues --------\n${columns([10, 10, 10, 10, 12, 12], ['key', 'msqid', 'owner', 'perms', 'used-bytes', 'messages'])}` +
        list.map((row) => columns([10, 10, 10, 10, 12, 12], [
          keyText(row.key ?? 0), row.msqid ?? 0, owner(row), octal(row.perms ?? 0), row.cbytes ?? 0, row.qnum ?? 0,
        ])).join('');
    }
  },
};

const segments: Kind = {
  file: 'shm', title: 'Shared Memory Segments', id: 'shmid',
  table(list, form, accounts) {
    const owner = (row: Row): string => accounts.user(row.uid ?? 0);
    switch (form) {
      case 'creators': return creators('Shared Memory Segment', 'shmid', list, accounts);
      case 'times': return `------ Shared Memory Attach/Detach/Change Times --------\n${columns([10, 10, 20, 20, 20], ['shmid', 'owner', 'attached', 'detached', 'changed'])}` +
        list.map((row) => columns([10, 10, 20, 20, 20], [
          row.shmid ?? 0, owner(row), shortDate(row.atime ?? 0), shortDate(row.dtime ?? 0), shortDate(row.ctime ?? 0),
        ])).join('');
      case 'pids': return `------ Shared Memory Creator/Last-op PIDs --------\n${columns(FIVE_WIDE, ['shmid', 'owner', 'cpid', 'lpid'])}` +
        list.map((row) => columns(FIVE_WIDE, [row.shmid ?? 0, owner(row), row.cpid ?? 0, row.lpid ?? 0])).join('');
      default: return `------ Shared Memory Segments --------\n${columns([10, 10, 10, 10, 10, 10, 12], ['key', 'shmid', 'owner', 'perms', 'bytes', 'nattch', 'status'])}` +
        list.map((row) => columns([10, 10, 10, 10, 10, 10, 6, 6], [
          keyText(row.key ?? 0), row.shmid ?? 0, owner(row), octal(row.perms ?? 0), row.size ?? 0, row.nattch ?? 0,
          ((row.perms ?? 0) & SHM_DEST) === 0 ? ' ' : 'dest', ' ',
        ])).join('');
    }
  },
};

const semaphores: Kind = {
  file: 'sem', title: 'Semaphore Arrays', id: 'semid',
  table(list, form, accounts) {
    const owner = (row: Row): string => accounts.user(row.uid ?? 0);
    switch (form) {
      case 'creators': return creators('Semaphore Arrays', 'semid', list, accounts);
      case 'times': return `------ Semaphore Operation/Change Times --------\n${columns([8, 10, 26, 26], ['semid', 'owner', 'last-op', 'last-changed'])}` +
        list.map((row) => columns([8, 10, 26, 26], [row.semid ?? 0, owner(row), ` ${dateText(row.otime ?? 0)}`, ` ${dateText(row.ctime ?? 0)}`])).join('');
      // There is nothing to be told of pids.
      case 'pids': return '';
      default: return `------ Semaphore Arrays --------\n${columns(FIVE_WIDE, ['key', 'semid', 'owner', 'perms', 'nsems'])}` +
        list.map((row) => columns(FIVE_WIDE, [keyText(row.key ?? 0), row.semid ?? 0, owner(row), octal(row.perms ?? 0), row.nsems ?? 0])).join('');
    }
  },
};

// Limits and sums.

async function setting(process: Process, name: string): Promise<string> {
  return (await readText(process, `/proc/sys/kernel/${name}`)).trim();
}

/** Kilobytes of a number of pages or bytes that may be beyond 2^53. */
function kilobytes(text: string, unit: bigint): string {
  const bytes = BigInt(text === '' ? 0 : text) * unit;
  const most = 0xffffffffffffffffn / 1024n;
  return String(bytes / 1024n > most ? most * 1024n / 256n : bytes / 1024n);
}

async function limits(process: Process, kind: Kind): Promise<string> {
  if (kind === queues) {
    return `------ Messages Limits --------\nmax queues system wide = ${await setting(process, 'msgmni')}\n` +
      `max size of message (bytes) = ${await setting(process, 'msgmax')}\ndefault max size of queue (bytes) = ${await setting(process, 'msgmnb')}\n`;
  }
  if (kind === segments) {
    const all = await setting(process, 'shmall');
    // As many pages as an unsigned long of bytes has, when there are more.
    const total = BigInt(all === '' ? 0 : all) > 0xffffffffffffffffn / BigInt(PAGE) ? '18446744073709551612' : kilobytes(all, BigInt(PAGE));
    return `------ Shared Memory Limits --------\nmax number of segments = ${await setting(process, 'shmmni')}\n` +
      `max seg size (kbytes) = ${kilobytes(await setting(process, 'shmmax'), 1n)}\nmax total shared memory (kbytes) = ${total}\nmin seg size (bytes) = 1\n`;
  }
  const [perArray = '0', all = '0', perCall = '0', arrays = '0'] = words(await setting(process, 'sem'));
  return `------ Semaphore Limits --------\nmax number of arrays = ${arrays}\nmax semaphores per array = ${perArray}\n` +
    `max semaphores system wide = ${all}\nmax ops per semop call = ${perCall}\nsemaphore max value = 32767\n`;
}

function sum(list: readonly Row[], name: string): number {
  return list.reduce((total, row) => total + (row[name] ?? 0), 0);
}

function summary(kind: Kind, list: readonly Row[]): string {
  if (kind === queues) {
    return `------ Messages Status --------\nallocated queues = ${list.length}\nused headers = ${sum(list, 'qnum')}\nused space = ${sum(list, 'cbytes')} bytes\n`;
  }
  if (kind === segments) {
    const pages = list.reduce((total, row) => total + Math.ceil((row.size ?? 0) / PAGE), 0);
    return `------ Shared Memory Status --------\nsegments allocated ${list.length}\npages allocated ${pages}\npages resident  ${sum(list, 'rss') / PAGE}\n` +
      'pages swapped   0\nSwap performance: 0 attempts\t 0 successes\n';
  }
  return `------ Semaphore Status --------\nused arrays = ${list.length}\nallocated semaphores = ${sum(list, 'nsems')}\n`;
}

// One of them in detail.

async function details(process: Process, kind: Kind, id: number): Promise<string> {
  const date = (us: number): string => dateText(Math.floor(us / 1e6)).padEnd(26);
  if (kind === queues) {
    const q = (await process.msgctl(id, IPC_STAT)) as MessageQueueStatus;
    return `\nMessage Queue msqid=${id}\nuid=${q.uid}\tgid=${q.gid}\tcuid=${q.cuid}\tcgid=${q.cgid}\tmode=0${q.mode.toString(8)}\n` +
      `cbytes=${q.bytes}\tqbytes=${q.mostBytes}\tqnum=${q.messages}\tlspid=${q.lastSender}\tlrpid=${q.lastReceiver}\n` +
      `send_time=${date(q.sentUs)}\nrcv_time=${date(q.receivedUs)}\nchange_time=${date(q.changedUs)}\n`;
  }
  if (kind === segments) {
    const s = (await process.shmctl(id, IPC_STAT)) as SharedSegmentStatus;
    return `\nShared memory Segment shmid=${id}\nuid=${s.uid}\tgid=${s.gid}\tcuid=${s.cuid}\tcgid=${s.cgid}\n` +
      `mode=0${s.mode.toString(8)}\taccess_perms=0${octal(s.mode)}\nbytes=${s.size}\tlpid=${s.lastUser}\tcpid=${s.creator}\tnattch=${s.attached}\n` +
      `att_time=${date(s.attachedUs)}\ndet_time=${date(s.detachedUs)}\nchange_time=${date(s.changedUs)}\n`;
  }
  const set = (await process.semctl(id, 0, IPC_STAT)) as SemaphoreSetStatus;
  let text = `\nSemaphore Array semid=${id}\nuid=${set.uid}\t gid=${set.gid}\t cuid=${set.cuid}\t cgid=${set.cgid}\n` +
    `mode=0${set.mode.toString(8)}, access_perms=0${octal(set.mode)}\nnsems = ${set.count}\notime = ${date(set.operatedUs)}\nctime = ${date(set.changedUs)}\n` +
    columns(FIVE_WIDE, ['semnum', 'value', 'ncount', 'zcount', 'pid']);
  for (let num = 0; num < set.count; num++) {
    const values: number[] = [];
    for (const command of [GETVAL, GETNCNT, GETZCNT, GETPID]) values.push((await process.semctl(id, num, command)) as number);
    text += columns(FIVE_WIDE, [num, ...values]);
  }
  return text;
}

export const IPCS_USAGE = `
Usage:
 ipcs [resource-option...] [output-option]
 ipcs -m|-q|-s -i <id>

Resource options:
 -m, --shmems      shared memory segments
 -q, --queues      message queues
 -s, --semaphores  semaphores
 -a, --all         all (default)

Output options:
 -t, --time        show attach, detach and change times
 -p, --pid         show PIDs of creator and last operator
 -c, --creator     show creator and owner
 -l, --limits      show resource limits
 -u, --summary     show status summary
 -i, --id <id>     print details on resource identified by <id>
`;

/** Long options as letters; `--id=5` and `--id 5` alike. */
function shortened(args: readonly string[]): string[] {
  return args.flatMap((word) => {
    const match = /^--([a-z]+)(?:=(.*))?$/.exec(word);
    if (match === null) return [word];
    const letter = LONG[match[1] ?? ''];
    if (letter === undefined) throw new UsageFault(`unrecognized option '--${match[1]}'`, true);
    return match[2] === undefined ? [`-${letter}`] : [`-${letter}`, match[2]];
  });
}

export function ipcs(process: Process, args: readonly string[]): Promise<number> {
  return guarded(process, 'ipcs', 1, () => run(process, args));
}

async function run(process: Process, args: readonly string[]): Promise<number> {
  try {
    const { options } = getopt(shortened(args), 'i:qmsatpcluhb');
    const chosen = new Set<Kind>();
    let form: Form | 'limits' | 'summary' = 'status';
    let id: number | null = null;
    for (const [letter, value] of options) {
      switch (letter) {
        case 'i':
          if (!/^\d+$/.test(value)) throw new UsageFault(`failed to parse id argument: '${value}'`);
          id = Number(value);
          break;
        case 'q': chosen.add(queues); break;
        case 'm': chosen.add(segments); break;
        case 's': chosen.add(semaphores); break;
        case 't': form = 'times'; break;
        case 'p': form = 'pids'; break;
        case 'c': form = 'creators'; break;
        case 'l': form = 'limits'; break;
        case 'u': form = 'summary'; break;
        case 'h':
          await say(process, IPCS_USAGE);
          return 0;
        default:
          // All of them is what nobody has to ask for; sizes are in bytes here in any case.
          break;
      }
    }
    if (id !== null) return await showDetails(process, chosen, id);
    const kinds = [queues, segments, semaphores].filter((kind) => chosen.size === 0 || chosen.has(kind));
    const accounts = await Accounts.read(process);
    for (const kind of kinds) {
      const list = form === 'limits' ? [] : await rows(process, kind.file);
      const text = form === 'limits' ? await limits(process, kind) : form === 'summary' ? summary(kind, list) : kind.table(list, form, accounts);
      await say(process, `\n${text}`);
    }
    await say(process, '\n');
    return 0;
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    await warn(process, `ipcs: ${error.message}\n${error.showsUsage ? "Try 'ipcs --help' for more information.\n" : ''}`);
    return 1;
  }
}

async function showDetails(process: Process, chosen: ReadonlySet<Kind>, id: number): Promise<number> {
  if (chosen.size !== 1) throw new UsageFault('when using an ID, a single resource must be specified');
  for (const kind of chosen) {
    try {
      await say(process, `${await details(process, kind, id)}\n`);
    } catch (error) {
      if (!isErrno(error, 'EINVAL') && !isErrno(error, 'EACCES') && !isErrno(error, 'EIDRM')) throw error;
      await warn(process, `ipcs: id ${id} not found\n`);
    }
  }
  return 0;
}
