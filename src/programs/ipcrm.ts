/** ipcrm(1): takes away System V message queues, shared memory and semaphores, by identifier or by key. */
import { IPC_RMID } from '../api/posix/constants.ts';
import type { Process } from '../api/posix/process.ts';
import { readText } from '../api/posix/text-file.ts';
import { getopt, guarded, say, UsageFault, warn } from './getopt.ts';

type Kind = 'shm' | 'msg' | 'sem';

const WORDS: Readonly<Record<Kind, string>> = { shm: 'shared memory segment', msg: 'message queue', sem: 'semaphore' };
const LONG: Readonly<Record<string, string>> = {
  'shmem-id': 'm', 'shmem-key': 'M', 'queue-id': 'q', 'queue-key': 'Q', 'semaphore-id': 's', 'semaphore-key': 'S', all: 'a', verbose: 'v', help: 'h',
};

export const IPCRM_USAGE = `
Usage:
 ipcrm [options]
 ipcrm shm|msg|sem <id>...

Options:
 -m, --shmem-id <id>        remove shared memory segment by id
 -M, --shmem-key <key>      remove shared memory segment by key
 -q, --queue-id <id>        remove message queue by id
 -Q, --queue-key <key>      remove message queue by key
 -s, --semaphore-id <id>    remove semaphore by id
 -S, --semaphore-key <key>  remove semaphore by key
 -a, --all[=shm|msg|sem]    remove all (in the specified category)
 -v, --verbose              explain what is being done
`;

async function removeById(process: Process, kind: Kind, id: number): Promise<void> {
  if (kind === 'shm') await process.shmctl(id, IPC_RMID);
  else if (kind === 'msg') await process.msgctl(id, IPC_RMID);
  else await process.semctl(id, 0, IPC_RMID);
}

function byKey(process: Process, kind: Kind, key: number): Promise<number> {
  if (kind === 'shm') return process.shmget(key, 0, 0);
  return kind === 'msg' ? process.msgget(key, 0) : process.semget(key, 0, 0);
}

/** C's strtoul with base 0: decimal, octal, hexadecimal; null for anything else. */
function numberOf(text: string): number | null {
  if (/^0[xX][\da-fA-F]+$/.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Says why nothing was taken away: true when something was. */
async function remove(process: Process, kind: Kind, id: number, by: 'id' | 'key', text: string, isVerbose: boolean): Promise<boolean> {
  if (isVerbose) await say(process, `removing ${WORDS[kind]} id \`${id}'\n`);
  try {
    await removeById(process, kind, id);
    return true;
  } catch (error) {
    await warn(process, `ipcrm: ${reason((error as { code?: string }).code ?? '', by)} (${text})\n`);
    return false;
  }
}

function reason(code: string, by: 'id' | 'key'): string {
  if (code === 'EACCES' || code === 'EPERM') return `permission denied for ${by}`;
  return code === 'EIDRM' ? `already removed ${by}` : `invalid ${by}`;
}

async function removeAll(process: Process, kinds: readonly Kind[], isVerbose: boolean): Promise<boolean> {
  let isDone = true;
  for (const kind of kinds) {
    const [, ...lines] = (await readText(process, `/proc/sysvipc/${kind}`)).split('\n');
    for (const line of lines) {
      const id = line.trim().split(/\s+/)[1];
      if (id === undefined) continue;
      if (!(await remove(process, kind, Number(id), 'id', id, isVerbose))) isDone = false;
    }
  }
  return isDone;
}

const KINDS: readonly Kind[] = ['shm', 'msg', 'sem'];

function kindOf(word: string): Kind | null {
  return KINDS.find((kind) => kind === word) ?? null;
}

/** `ipcrm shm 0 1`: how it was called once. */
async function removeListed(process: Process, kind: Kind, ids: readonly string[]): Promise<number> {
  let isDone = true;
  for (const text of ids) {
    const id = numberOf(text);
    if (id === null) {
      await warn(process, `ipcrm: invalid id: ${text}\n`);
      isDone = false;
    } else if (!(await remove(process, kind, id, 'id', text, false))) {
      isDone = false;
    }
  }
  if (isDone) await say(process, 'resource(s) deleted\n');
  return isDone ? 0 : 1;
}

export function ipcrm(process: Process, args: readonly string[]): Promise<number> {
  return guarded(process, 'ipcrm', 1, () => main(process, args));
}

async function main(process: Process, args: readonly string[]): Promise<number> {
  try {
    const [first = ''] = args;
    const old = kindOf(first);
    if (old !== null) {
      if (args.length < 2) throw new UsageFault('not enough arguments', true);
      return await removeListed(process, old, args.slice(1));
    }
    return await run(process, args);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    await warn(process, `ipcrm: ${error.message}\n${error.showsUsage ? "Try 'ipcrm --help' for more information.\n" : ''}`);
    return 1;
  }
}

async function run(process: Process, args: readonly string[]): Promise<number> {
  let all: string | null = null;
  const short = args.flatMap((word) => {
    const match = /^--([a-z-]+)(?:=(.*))?$/.exec(word);
    if (match === null) return [word];
    const letter = LONG[match[1] ?? ''];
    if (letter === undefined) throw new UsageFault(`unrecognized option '--${match[1]}'`, true);
    if (letter === 'a') {
      all = match[2] ?? '';
      return [];
    }
    return match[2] === undefined ? [`-${letter}`] : [`-${letter}`, match[2]];
  });
  const { options, operands } = getopt(short, 'q:m:s:Q:M:S:avh');
  let isVerbose = false;
  let isDone = true;
  for (const [letter, value] of options) {
    if (letter === 'v') isVerbose = true;
    else if (letter === 'h') {
      await say(process, IPCRM_USAGE);
      return 0;
    } else if (letter === 'a') {
      all ??= '';
    } else {
      if (!(await removeOption(process, letter, value, isVerbose))) isDone = false;
    }
  }
  if (operands.length > 0) throw new UsageFault(`unknown argument: ${operands[0]}`, true);
  if (all !== null) {
    const kind = kindOf(all);
    if (all !== '' && kind === null) throw new UsageFault(`unknown argument: ${all}`, true);
    if (!(await removeAll(process, kind === null ? KINDS : [kind], isVerbose))) isDone = false;
  }
  return isDone ? 0 : 1;
}

async function removeOption(process: Process, letter: string, value: string, isVerbose: boolean): Promise<boolean> {
  const lower = letter.toLowerCase();
  const kind: Kind = lower === 'q' ? 'msg' : lower === 'm' ? 'shm' : 'sem';
  const number = numberOf(value);
  const by = lower === letter ? 'id' : 'key';
  if (number === null) throw new UsageFault(`failed to parse argument: '${value}'`);
  if (by === 'id') return remove(process, kind, number, 'id', value, isVerbose);
  if (number === 0) {
    await warn(process, `ipcrm: illegal key (${value})\n`);
    return false;
  }
  try {
    return await remove(process, kind, await byKey(process, kind, number | 0), 'key', value, isVerbose);
  } catch (error) {
    await warn(process, `ipcrm: ${reason((error as { code?: string }).code ?? '', 'key')} (${value})\n`);
    return false;
  }
}
