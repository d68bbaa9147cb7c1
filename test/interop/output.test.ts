/**
 * What commands write: slow readers, readers that leave, full disks, FIFOs, and captures on standard output.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readCapture } from '../../src/capture/capture-file.ts';
import { LinkType } from '../../src/capture/capture-record.ts';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { needs } from '../needs.ts';
import { commandLine, type Ended, Running, run } from './command.ts';
import { Namespace, OURS4 } from './namespace.ts';

const PACKETS = 30_000;
/** Makes standard input or output non-blocking, as every Node does to a pipe; killed, it does not undo that. */
const nonBlocking = (stream: 'stdin' | 'stdout'): string =>
  `'${process.execPath}' -e 'process.${stream}; process.kill(process.pid, "SIGKILL")'`;

/** Runs a line of shell in which `sockscape` is the command. */
function shell(line: string, seconds = 60): Ended {
  const words = commandLine().map((word) => `'${word}'`).join(' ');
  return run(['sh', '-c', `sockscape() { ${words} "$@"; }\n${line}`], '', seconds);
}

const folder = mkdtempSync(join(tmpdir(), 'sockscape-output-'));
const big = join(folder, 'big.pcap');

before(() => {
  const pieces: Uint8Array[] = [];
  const writer = new PcapWriter((piece) => pieces.push(piece), { linkType: LinkType.Ethernet });
  const frame = Buffer.from('0200000000020200000000010806000108000604000102000000000' + '1c0000201000000000000c0000202', 'hex');
  for (let i = 0; i < PACKETS; i++) writer.packet(i * 10, frame);
  writeFileSync(big, Buffer.concat(pieces));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('standard output', () => {
  test('a slow reader gets every line, also through a pipe that is non-blocking', () => {
    for (const first of ['true', nonBlocking('stdout')]) {
      const { stdout, stderr } = shell(`{ ${first}; sockscape tcpdump -n -r ${big}; echo "status $?"; } | (sleep 1; tee ${folder}/all | wc -l)`);
      deepEqual([stdout.trim(), stderr.replace(/^.*Killed.*\n/gm, '')], [String(PACKETS + 1), '']);
      match(readFileSync(join(folder, 'all'), 'utf8'), /status 0\n$/);
    }
  });

  test('a slow writer on a standard input that is non-blocking', () => {
    const { stdout, stderr } = shell(`(sleep 1; cat ${big}) | { ${nonBlocking('stdin')}; sockscape tcpdump -n -r - ; } | wc -l`);
    deepEqual([stdout.trim(), stderr.replace(/^.*Killed.*\n/gm, '')], [String(PACKETS), '']);
  });

  test('a reader that has seen enough ends the command quietly, with status 0', () => {
    for (const words of [`tcpdump -n -r ${big}`, `tcpdump -r ${big} -w -`]) {
      deepEqual(shell(`{ sockscape ${words}; echo "status $?" >&2; } | head -c 10 >${folder}/head`).stderr, 'status 0\n');
    }
  });

  test('a full disk: one sentence, status 1', () => {
    for (const [words, name] of [
      [`tcpdump -n -r ${big} >/dev/full`, 'standard output'],
      [`tcpdump -r ${big} -w - >/dev/full`, 'standard output'],
      [`tcpdump -r ${big} -w /dev/full`, '/dev/full'],
      ['--help >/dev/full', 'standard output'],
      ['--version >/dev/full', 'standard output'],
    ] as const) {
      const ended = shell(`sockscape ${words}`);
      equal(ended.status, 1, words);
      match(ended.stderr, new RegExp(`^sockscape( tcpdump)?: cannot write ${name}: ENOSPC: [^\n]*\n$`), words);
    }
  });
});

describe('tcpdump -w', () => {
  test('an input that is no capture leaves the older output as it is', () => {
    const good = join(folder, 'good.pcapng');
    for (const [name, bytes] of [
      ['empty', new Uint8Array(0)],
      ['text', Buffer.from('no capture, but long enough to be looked at')],
      ['cut in the file header', readFileSync(big).subarray(0, 20)],
      ['cut in the first packet', readFileSync(big).subarray(0, 50)],
    ] as const) {
      const bad = join(folder, 'bad');
      writeFileSync(bad, bytes);
      writeFileSync(good, 'precious');
      const ended = run(commandLine('tcpdump', '-r', bad, '-w', good));
      equal(ended.status, 1, name);
      match(ended.stderr, /^sockscape tcpdump: [^\n]*\n$/, name);
      equal(readFileSync(good, 'utf8'), 'precious', name);
    }
    // One without packets is a capture, and so is its copy.
    writeFileSync(join(folder, 'none.pcap'), readFileSync(big).subarray(0, 24));
    equal(run(commandLine('tcpdump', '-r', join(folder, 'none.pcap'), '-w', good)).status, 0);
    deepEqual(run(commandLine('tcpdump', '-r', good)), { status: 0, stdout: '', stderr: '' });
  });
});

describe('a disk that becomes full', () => {
  test('demo --once: one sentence, status 1', () => {
    for (const [words, name] of [['>/dev/full', 'standard output'], [`-w /dev/full`, '/dev/full']] as const) {
      const ended = shell(`sockscape demo --once ${words}`);
      equal(ended.status, 1, words);
      match(ended.stderr, new RegExp(`^sockscape demo: cannot write ${name}: ENOSPC: [^\n]*\n$`), words);
    }
  });

  // A limit on the size of files refuses in the middle, as a full disk does, and needs no root. Node ignores SIGXFSZ.
  // The recorder of frames (scripts/unit.mjs) comes through NODE_OPTIONS, and its file would meet the limit too.
  const LIMIT = 'unset NODE_OPTIONS; set -o pipefail; ulimit -f 8; exec';
  test('demo: ends by itself', async () => {
    const file = join(folder, 'limited.pcapng');
    const [node, launcher] = commandLine();
    const words = `${LIMIT} '${node}' '${launcher}' demo --port 0 -w '${file}' 2>&1 >/dev/null | cat`;
    const running = new Running(['bash', '-c', words]);
    const port = Number((await running.says(/telnet 127\.0\.0\.1 (\d+)/))[1]);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(`${'x'.repeat(900)}\n`.repeat(50));
    socket.resume();
    const { status, stdout } = await running.ended();
    equal(status, 1);
    match(stdout, /ends\nsockscape demo: cannot write [^\n]*limited\.pcapng: EFBIG: [^\n]*\n$/);
    socket.destroy();
    ok(readFileSync(file).length > 4000);
  });

  test('tap: ends by itself and removes its device', { ...needs('root', 'namespaces', 'tap', 'ip', 'ping'), timeout: 60_000 }, async () => {
    const namespace = new Namespace();
    try {
      const file = join(folder, 'tap.pcapng');
      const [node, launcher] = commandLine();
      const words = `${LIMIT} '${node}' '${launcher}' "$@"`;
      const running = namespace.start('bash', '-c', words, 'bash', 'tap', '--address', `${OURS4}/24`, '--host-address', '192.0.2.1/24', '-w', file);
      await running.says(/^ready$/m);
      await namespace.runBeside(['ping', '-c', '20', '-i', '0.05', '-s', '1000', '-W', '1', OURS4]);
      const { status, stderr } = await running.ended();
      equal(status, 1);
      match(stderr, /^sockscape tap: cannot write [^\n]*tap\.pcapng: EFBIG: [^\n]*\n$/);
      equal(namespace.run('ip', '-brief', 'link').stdout.includes('tap0'), false);
    } finally {
      await namespace.end();
    }
  });
});

describe('-w -', () => {
  const packetsOf = (file: string): number => [...readCapture(new Uint8Array(readFileSync(file)))].length;

  test('demo: the capture alone on standard output, the lines on standard error', async () => {
    const out = join(folder, 'demo.out');
    const plain = run(commandLine('demo', '--once'));
    const ended = shell(`sockscape demo --once -w - >${out}`);
    deepEqual(ended, { status: 0, stdout: '', stderr: plain.stdout });
    ok(packetsOf(out) >= 10);
    const [node, launcher] = commandLine();
    const running = new Running(['sh', '-c', `exec '${node}' '${launcher}' demo --port 0 -w - >'${out}'`]);
    const port = Number((await running.says(/telnet 127\.0\.0\.1 (\d+)/, 'stderr'))[1]);
    connect(port, '127.0.0.1').on('error', () => {}).end('x\n');
    await running.says(/^\S+ IP 192\.0\.2\.2\.9502 > .*length 13$/m, 'stderr');
    equal((await running.stop()).status, 0);
    ok(packetsOf(out) >= 6);
  });

  test("tap: 'ready' on standard error, and a slow reader gets all", { ...needs('root', 'namespaces', 'tap', 'ip', 'ping'), timeout: 60_000 }, async () => {
    const namespace = new Namespace();
    try {
      const out = join(folder, 'tap.out');
      const [node, launcher] = commandLine();
      const words = `exec 3>&1; { exec '${node}' '${launcher}' "$@" 2>&3; } | (sleep 3; cat >'${out}')`;
      const running = namespace.start('sh', '-c', words, 'sh', 'tap', '--address', `${OURS4}/24`, '--host-address', '192.0.2.1/24', '-w', '-');
      await running.says(/^ready$/m);
      // More than a pipe holds: the host stands still until the reader reads, and ping may not wait so long for its answers.
      // Then it takes them up again, and whoever asks once more is answered.
      await namespace.runBeside(['ping', '-c', '60', '-i', '0.02', '-s', '1400', OURS4]);
      const { stdout } = await namespace.runBeside(['ping', '-c', '3', '-i', '1', '-W', '20', OURS4]);
      match(stdout, /3 packets transmitted, 3 received/);
      namespace.run('ip', 'link', 'delete', 'tap0');
      equal((await running.ended()).stdout, 'ready\nsockscape tap: the device tap0 was removed\n');
      ok(packetsOf(out) >= 126);
    } finally {
      await namespace.end();
    }
  });
});

describe('what nobody reads', () => {
  const [node, launcher] = commandLine();

  test('-w FIFO: Ctrl-C ends the command while it waits for a reader', async () => {
    const fifo = join(folder, 'fifo');
    run(['mkfifo', fifo]);
    for (const args of [['demo', '--port', '0', '-w', fifo], ['demo', '--once', '-w', fifo]]) {
      const running = new Running(commandLine(...args));
      await delay(600);
      equal(running.child.exitCode, null);
      await running.stop();
      equal(running.child.signalCode, 'SIGINT');
    }
    // With a reader it goes on.
    const running = new Running(commandLine('demo', '--once', '-w', fifo));
    await delay(500);
    const read = new Running(['cat', fifo]);
    equal((await running.ended()).status, 0);
    match((await read.ended()).stdout, /^\n\r\r\n/);
  });

  test('a reader that no longer reads: Ctrl-C still ends the command', async () => {
    const fifo = join(folder, 'stuck');
    run(['mkfifo', fifo]);
    for (const [args, to] of [[['-w', fifo], '/dev/null'], [['-w', '-'], fifo], [[], fifo]] as const) {
      const reader = new Running(['sh', '-c', `exec sleep 60 <'${fifo}'`]);
      const running = new Running(['sh', '-c', `exec '${node}' '${launcher}' demo --port 0 "$@" >${to}`, 'sh', ...args]);
      const port = Number((await running.says(/telnet 127\.0\.0\.1 (\d+)/, 'stderr'))[1]);
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.resume();
      // Far more than a pipe holds.
      for (let i = 0; i < 400 && running.child.exitCode === null; i++) {
        socket.write(`${'x'.repeat(900)}\n`);
        if (i % 20 === 0) await delay(20);
      }
      await delay(500);
      running.child.kill('SIGINT');
      const { status } = await running.stop('SIGINT');
      ok(status === 0 || running.child.signalCode === 'SIGINT', `${args.join(' ')}: ${status} ${running.child.signalCode}`);
      socket.destroy();
      await reader.stop('SIGKILL');
    }
  });
});
