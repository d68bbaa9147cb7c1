/**
 * Captures that cannot be written: `tcpdump -w` on hosts of ours, started in every way there is, says so in the words of
 * Debian's tcpdump and ends with 1; so do the command's own capture files. A disk that fills up on the way is one sentence.
 */
import { doesNotMatch, equal, match } from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { commandLine, type Ended, runBeside } from './command.ts';

const NOBODY = ['setpriv', '--reuid', '65534', '--clear-groups'];

/** Paths that no file can be made at, and whether root is refused there, too. */
function refused(folder: string): [path: string, asNobody: boolean][] {
  const secret = join(folder, 'secret');
  writeFileSync(secret, '');
  chmodSync(secret, 0o400);
  chmodSync(folder, 0o755);
  return [[join(folder, 'none', 'x'), false], [folder, false], [join(secret, 'x'), false], [secret, true]];
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-faults-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function saysOnce({ status, stdout, stderr }: Ended, sentence: string): void {
  equal(status, 1, stderr);
  doesNotMatch(stderr + stdout, /\n\s+at |Error:/, 'no stack');
  equal(stderr.split('\n').filter((line) => line.includes(sentence)).length, 1, `'${sentence}' in ${stderr}`);
}

const FRAME = Uint8Array.from(Buffer.from('0200000000bb0200000000aa08004500002000010000401166c90a0000010a00000200070009000c0000deadbeef', 'hex'));

test('a file that cannot be opened: the words of Debian, and status 1', { ...needs('tcpdump', 'root'), timeout: 120_000 }, () =>
  inFolder(async (folder) => {
    const pieces: Uint8Array[] = [];
    const writer = new PcapWriter((piece) => pieces.push(piece.slice()), { linkType: LinkType.Ethernet });
    writer.packet(1, FRAME, FRAME.length);
    const capture = join(folder, 'one.pcap');
    writeFileSync(capture, Buffer.concat(pieces));
    for (const [path, asNobody] of refused(folder)) {
      const user = asNobody ? NOBODY : [];
      const debian = await runBeside([...user, 'tcpdump', '-r', capture, '-w', path]);
      equal(debian.status, 1);
      const sentence = debian.stderr.split('\n').find((line) => line.startsWith('tcpdump: ')) ?? 'none';
      saysOnce(await runBeside([...user, ...commandLine('run', '--on', 'server', 'tcpdump', '-i', 'any', '-w', path)]), sentence);
      saysOnce(await runBeside([...user, ...commandLine('demo', '--run', `server: tcpdump -w ${path}`)]), sentence);
      // Another program's end decides about the status.
      const beside = await runBeside([...user, ...commandLine('demo', '--run', `tcpdump -w ${path}`, '--run', 'ping -c 1 server')]);
      equal(beside.status, 0, beside.stderr);
      match(beside.stderr, new RegExp(`^tcpdump \\| ${sentence.replace(/[/.]/g, '\\$&')}$`, 'm'));
      saysOnce(await runBeside([...user, ...commandLine('demo', '--once', '-w', path)]), `sockscape demo: cannot write ${path}: `);
      const read = await runBeside([...user, ...commandLine('run', 'tcpdump', '-r', join(path, 'x'))]);
      equal(read.status, 1);
      match(read.stderr, /^tcpdump: \S+: [A-Z][a-z ]+$/m);
    }
  }));

test('a full disk at the first byte', { timeout: 120_000 }, async () => {
  const sentence = "tcpdump: Can't write to /dev/full: No space left on device";
  saysOnce(await runBeside(commandLine('run', 'tcpdump', '-w', '/dev/full')), sentence);
  saysOnce(await runBeside(commandLine('demo', '--run', 'tcpdump -w /dev/full')), sentence);
  for (const words of [['--once'], ['--port', '0'], ['--run', 'ping server']]) {
    saysOnce(await runBeside(commandLine('demo', ...words, '-w', '/dev/full')), 'sockscape demo: cannot write /dev/full: ENOSPC');
  }
});

test('the same on a TAP device', { ...needs('root', 'namespaces', 'tap'), timeout: 120_000 }, async () => {
  const tap = (...words: string[]): Promise<Ended> =>
    runBeside(['unshare', '-n', ...commandLine('tap', '--address', '10.0.0.1/24', '--host-address', '10.0.0.2/24', ...words)]);
  saysOnce(await tap('-w', '/dev/full'), 'sockscape tap: cannot write /dev/full: ENOSPC');
  saysOnce(await tap('--run', 'tcpdump -w /dev/full'), "tcpdump: Can't write to /dev/full: No space left on device");
});

test('a disk that fills up on the way', { ...needs('root', 'namespaces'), timeout: 120_000 }, () =>
  inFolder(async (folder) => {
    const onSmallDisk = (words: readonly string[]): Promise<Ended> =>
      runBeside(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=16k none "$0" && exec "$@"', folder, ...words]);
    const path = join(folder, 'x');
    const ping = 'ping -c 200 -i 0.01 -s 400 server';
    const own = await onSmallDisk(commandLine('demo', '--run', ping, '-w', path));
    saysOnce(own, `sockscape demo: cannot write ${path}: ENOSPC`);
    const programs = await onSmallDisk(commandLine('demo', '--run', ping, '--run', `tcpdump -w ${path}`));
    saysOnce(programs, `tcpdump | tcpdump: Can't write to ${path}: No space left on device`);
  }));
