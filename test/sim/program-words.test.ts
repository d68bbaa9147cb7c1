/**
 * Arguments and environment of programs (execve(2), "Limits on size of arguments and environment"): the largest that go and the
 * smallest that do not are those of the machine's own kernel; the host is charged for what its processes hold.
 */
import { equal, ok, rejects } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { Cost } from '../../src/base/kernel-memory.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { chargeOfWords } from '../../src/kernel/program-words.ts';
import { findProgram, needs } from '../needs.ts';

type Words = readonly [args: readonly string[], env: Readonly<Record<string, string>>];

const MEGABYTE = 1 << 20;
const NAME = 't';
const parent = (memoryBytes: number, body: (process: Process, room: () => number) => Promise<void>): Promise<void> =>
  simulate({ seed: 1 }, (world) => {
    const host = world.host('a', { memoryBytes });
    return body(new Process(host, 'parent'), () => host.stack.context.memory.usedBytes);
  });

/** What fills the words up to their end: one of so many bytes in an argument of its own. */
const filled = ([args, env]: Words, bytes: number): Words => [[...args, 'f'.repeat(bytes)], env];
const many = (count: number, word: string): string[] => Array.from({ length: count }, () => word);

test('the words that go and those that are E2BIG are those of Linux, to the byte', needs('prlimit', 'true'), () => {
  const path = findProgram('true') as string;
  // Linux also counts the path of the file.
  const pathBytes = path.length + 1;
  const LIMITS: Record<string, number> = { usual: 8 * MEGABYTE, unlimited: Infinity, small: 400_000, odd: 1_000_001 };
  const CASES: Record<string, (limit: number) => Words> = {
    pointers: (limit) => [many(Math.floor(limit / 11), 'x'), {}],
    pieces: (limit) => [many(Math.floor(limit / 120), 'x'.repeat(100)), {}],
    'two bytes': (limit) => [many(Math.floor(limit / 230), 'é'.repeat(100)), {}],
    'three and four bytes': (limit) => [many(Math.floor(limit / 760), '€😀'.repeat(100)), {}],
    environment: (limit) => [[], Object.fromEntries(many(Math.floor(limit / 120), '').map((_, i) => [`k${i}`, 'v'.repeat(90)]))],
  };
  const { pid } = process;
  const [, was] = /^Max stack size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) as unknown as [string, string];
  const setLimit = (words: string): void => equal(spawnSync('prlimit', ['--pid', String(pid), `--stack=${words}:`], { encoding: 'utf8' }).stderr, '');
  const linux = ([args, env]: Words): string => {
    const { error, status } = spawnSync(path, args, { argv0: NAME, env });
    return error === undefined ? String(status) : ((error as NodeJS.ErrnoException).code as string);
  };
  try {
    for (const [limitName, stackBytes] of Object.entries(LIMITS)) {
      setLimit(stackBytes === Infinity ? 'unlimited' : String(stackBytes));
      const limit = Math.max(128 * 1024, Math.min(6 * MEGABYTE, stackBytes / 4));
      for (const [name, make] of Object.entries(CASES)) {
        const words = make(limit);
        // Rooms that one more argument cannot fill are filled with as many as it takes.
        let base: Words = words;
        const fits = (bytes: number): boolean => chargeOfWords(NAME, ...filled(base, bytes), stackBytes) >= 0;
        while (fits(131_071)) base = filled(base, 100_000);
        let most = 0;
        for (let over = 131_072; over - most > 1; ) {
          const middle = (most + over) >> 1;
          if (fits(middle)) most = middle;
          else over = middle;
        }
        ok(most > pathBytes, `${limitName}, ${name}: ${most}`);
        equal(linux(filled(base, most - pathBytes)), '0', `${limitName}, ${name}`);
        equal(linux(filled(base, most - pathBytes + 1)), 'E2BIG', `${limitName}, ${name}`);
      }
    }
    setLimit('unlimited');
    const ours = ([args, env]: Words): string => (chargeOfWords(NAME, args, env, Infinity) < 0 ? 'E2BIG' : '0');
    const SINGLE: Record<string, readonly [Words, string]> = {
      argument: [[['x'.repeat(131_071)], {}], '0'], 'long argument': [[['x'.repeat(131_072)], {}], 'E2BIG'],
      variable: [[[], { k: 'x'.repeat(131_069) }], '0'], 'long variable': [[[], { k: 'x'.repeat(131_070) }], 'E2BIG'],
      bytes: [[['é'.repeat(65_535)], {}], '0'], 'too many bytes': [[['é'.repeat(65_536)], {}], 'E2BIG'],
    };
    for (const [name, [words, expected]] of Object.entries(SINGLE)) {
      equal(linux(words), expected, `Linux: ${name}`);
      equal(ours(words), expected, name);
    }
  } finally {
    setLimit(was);
  }
});

test('spawn is E2BIG with too much, by RLIMIT_STACK, and leaves nothing behind', () => parent(64 * MEGABYTE, async (process, used) => {
  const before = used();
  const program = async (): Promise<number> => 0;
  const tooMany = { code: 'E2BIG', syscall: 'spawn' };
  await rejects(process.spawn(program, ['x'.repeat(2 ** 28)]), tooMany);
  await rejects(process.spawn(program, many(3_000_000, '')), tooMany);
  await rejects(process.spawn(program, [], { name: 'x'.repeat(131_072) }), tooMany);
  await rejects(process.spawn(program, [], { env: { ['x'.repeat(131_072)]: '' } }), tooMany);
  const words = many(2000, 'x'.repeat(100));
  await process.waitpid(await process.spawn(program, words));
  await process.setrlimit(C.RLIMIT_STACK, { soft: 8 * 100_000, hard: Infinity });
  await rejects(process.spawn(program, words), tooMany);
  await rejects(process.spawn(program, many(2000, 'é'.repeat(50))), tooMany);
  // What would have failed before the program was loaded fails first.
  await rejects(process.spawn(program, words, { duplicate: [[99, 1]] }), { code: 'EBADF' });
  equal(process.core.children.size, 0);
  equal(used(), before);
}));

test('RLIMIT_STACK is eight mebibytes, as on Linux', () => parent(64 * MEGABYTE, async (process) => {
  const { soft, hard } = await process.getrlimit(C.RLIMIT_STACK);
  equal(soft, 8 * MEGABYTE);
  equal(hard, Infinity);
}));

test('the host is charged for the words of its processes until they end, not until somebody waits for them', () => parent(8 * MEGABYTE, async (process, used) => {
  const before = used();
  const env = Object.fromEntries(many(10_000, '').map((_, i) => [`k${i}`, `v${i}`]));
  const children: number[] = [];
  const spawn = (): Promise<number> => process.spawn((child) => child.pause().then(() => 0), [], { env });
  children.push(await spawn());
  const each = used() - before;
  // Ten thousand words, and the process with its waiting call.
  ok(each >= 10_001 * Cost.WORD + Cost.PROCESS, String(each));
  await rejects(async () => {
    for (;;) children.push(await spawn());
  }, { code: 'ENOMEM', syscall: 'spawn' });
  equal(children.length, Math.floor((8 * MEGABYTE - before) / each));
  equal(used(), before + children.length * each);
  for (const child of children) await process.kill(child, C.SIGKILL);
  // They are there still, without their words: there is room for others.
  ok(used() < before + 100_000, String(used() - before));
  // A child has the words of its parent for its own.
  const child = await process.spawn(async (self) => {
    const one = used();
    await self.spawn((grandchild) => grandchild.pause().then(() => 0));
    return used() - one > 1_000_000 ? 1 : 0;
  }, [], { env });
  equal(C.WEXITSTATUS((await process.waitpid(child)).status), 1);
}));
