/**
 * A real Linux kernel and its programs against a host of ours, over TAP: once with offload, once without.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fillPseudoRandom } from '../../src/programs/pseudo-random-bytes.ts';
import { needs } from '../needs.ts';
import { commandLine, type Running, run } from './command.ts';
import { Namespace, OURS4, OURS6, startTap } from './namespace.ts';
import { type Bytes, checksum, type Ends, pseudoHeader } from '../tools/packet-bytes.ts';

const NEEDS = needs('root', 'namespaces', 'tap', 'ip');
const SERVE = ['--serve', 'echo:9502,discard:9,chargen:19,http:80'];
const SERVED_TCP = [9, 19, 80, 9502];
const LARGE = 100_000_000;
const SMALL = 200_000;
const ECHOED = 10_000_000;
/** The longest frame of a link whose IP packets have at most 1,500 bytes. */
const LONGEST = 1514;

/** From our host to the kernel, as pseudo headers have the addresses. */
const PREFIX6: Bytes = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const TO_KERNEL = {
  [OURS4]: { source: [192, 0, 2, 2], destination: [192, 0, 2, 1] },
  [OURS6]: { source: [...PREFIX6, 2], destination: [...PREFIX6, 1] },
};

/** The hash of the first `length` bytes of what `/bytes/N` serves, worked out here. */
function hashOf(length: number): string {
  const hash = createHash('sha256');
  const words = new Int32Array(16384);
  const bytes = new Uint8Array(words.buffer);
  for (let at = 0; at < length; at += bytes.length) {
    fillPseudoRandom(words, at / 4);
    hash.update(bytes.subarray(0, Math.min(bytes.length, length - at)));
  }
  return hash.digest('hex');
}

/** Echoes one datagram of `size` bytes: prints what came back, compared. */
const UDP_ECHO = `
import os, socket, sys
family, host, size = (socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET), sys.argv[1], int(sys.argv[2])
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(5)
data = os.urandom(size)
for _ in range(5):
    s.sendto(data, (host, 9502))
    back, _ = s.recvfrom(65535)
    print('same' if back == data else 'differs', len(back))
`;

/** A TCP segment as the kernel's side of the device saw it. */
interface Seen {
  /** Who sent it. */
  readonly from: string;
  readonly frameLen: number;
  readonly headerLen: number;
  readonly dataLen: number;
  readonly checksum: number;
}

/** The TCP segments of a capture, which may hold no more of each than its headers. */
function segmentsOf(file: string): Seen[] {
  const fields = ['ip.src', 'ipv6.src', 'frame.len', 'tcp.hdr_len', 'tcp.len', 'tcp.checksum'].flatMap((name) => ['-e', name]);
  const { stdout } = run(['tshark', '-r', file, '-n', '-Y', 'tcp', '-T', 'fields', ...fields]);
  return stdout.trimEnd().split('\n').map((line) => {
    const [source4, source6, ...numbers] = line.split('\t');
    const [frameLen, headerLen, dataLen, field] = numbers.map(Number);
    return { from: source4 === '' ? source6 : source4, frameLen, headerLen, dataLen, checksum: field };
  });
}

function bytesOf(segments: readonly Seen[]): number {
  return segments.reduce((sum, { dataLen }) => sum + dataLen, 0);
}

/** Whether the checksum is the pseudo header's sum alone: the sender has left the rest to the device. */
function isPartial({ headerLen, dataLen, checksum: field }: Seen, ends: Ends): boolean {
  return field === (~checksum(pseudoHeader(ends, 6, headerLen + dataLen)) & 0xffff);
}

/** Ports that nmap's greppable output lists in a state. */
function ports(output: string, state: string): number[] {
  return [...output.matchAll(/(\d+)\/([a-z|]+)\//g)].filter((found) => found[2] === state).map((found) => Number(found[1]));
}

for (const offload of [true, false]) {
  describe(`TAP ${offload ? 'with offload' : 'without offload'}`, { skip: NEEDS.skip, timeout: 240_000 }, () => {
    let namespace: Namespace;
    let tap: Running;
    const folder = mkdtempSync(join(tmpdir(), 'sockscape-tap-'));

    before(async () => {
      namespace = new Namespace();
      tap = await startTap(namespace, ...SERVE, ...(offload ? [] : ['--no-offload']));
    });

    after(async () => {
      await tap?.stop();
      await namespace?.end();
      rmSync(folder, { recursive: true, force: true });
    });

    test('ping and ping -6', needs('ping'), async () => {
      for (const [address, size] of [[OURS4, '56'], [OURS6, '56'], [OURS4, '8000'], [OURS6, '8000']] as const) {
        const { status, stdout } = await namespace.runBeside(['ping', '-c', '4', '-i', '0.2', '-s', size, address]);
        equal(status, 0, stdout);
        match(stdout, /4 packets transmitted, 4 received, 0% packet loss/);
      }
    });

    test('nc on TCP and UDP, both families', needs('nc'), async () => {
      for (const address of [OURS4, OURS6]) {
        const tcp = await namespace.runBeside(['nc', '-N', '-w', '5', address, '9502'], 'over TCP\n');
        deepEqual([tcp.status, tcp.stdout], [0, 'over TCP\n'], tcp.stderr);
        const udp = await namespace.runBeside(['nc', '-u', '-w', '1', address, '9502'], 'over UDP\n');
        equal(udp.stdout, 'over UDP\n', udp.stderr);
        const refused = await namespace.runBeside(['nc', '-v', '-w', '5', address, '9503']);
        equal(refused.status, 1);
        match(refused.stderr, /Connection refused/);
      }
    });

    test('curl fetches 100 MB on both families', needs('curl', 'sha256sum'), async () => {
      const expected = hashOf(LARGE);
      for (const address of [OURS4, `[${OURS6}]`]) {
        const script = `curl -sS --max-time 50 http://${address}/bytes/${LARGE} | sha256sum`;
        const { stdout, stderr } = await namespace.runBeside(['sh', '-c', script]);
        equal(stdout.split(' ')[0], expected, `${address}: ${stderr}`);
      }
    });

    const frames = offload ? 'frames beyond the MTU both ways, partial checksums' : 'no frame beyond the MTU';
    test(`10 MB to us and back: ${frames}`, needs('nc', 'sha256sum', 'tcpdump', 'tshark'), async () => {
      const words = new Int32Array(ECHOED / 4);
      fillPseudoRandom(words, 0);
      const expected = hashOf(ECHOED);
      for (const address of [OURS4, OURS6] as const) {
        const file = join(folder, 'echo.pcap');
        const options = ['-U', '--immediate-mode', '-s', '128', '-B', '32768'];
        const capture = namespace.start('tcpdump', '-i', 'tap0', ...options, '-w', file, 'tcp');
        await capture.says(/listening on/, 'stderr');
        const echo = ['sh', '-c', `nc -N -w 20 ${address} 9502 | sha256sum`];
        const { stdout, stderr } = await namespace.runBeside(echo, new Uint8Array(words.buffer));
        equal(stdout.split(' ')[0], expected, `${address}: ${stderr}`);
        // Stopped at once, tcpdump would lose what it has not read yet.
        const until = Date.now() + 10_000;
        let fromUs: Seen[];
        let toUs: Seen[];
        do {
          const seen = segmentsOf(file);
          fromUs = seen.filter(({ from }) => from === address);
          toUs = seen.filter(({ from }) => from !== address);
        } while ((bytesOf(fromUs) < ECHOED || bytesOf(toUs) < ECHOED) && Date.now() < until);
        await capture.stop();

        for (const [direction, segments] of [['from us', fromUs], ['to us', toUs]] as const) {
          ok(bytesOf(segments) >= ECHOED, `${address} ${direction}: ${bytesOf(segments)} bytes were seen: ${capture.stderr}`);
          const long = segments.filter(({ frameLen }) => frameLen > LONGEST).length;
          if (offload) ok(long > 0, `${address} ${direction}: no frame is longer than ${LONGEST} bytes`);
          else equal(long, 0, `${address} ${direction}: ${long} frames are longer than ${LONGEST} bytes`);
        }
        if (!offload) continue;
        const complete = fromUs.filter((segment) => !isPartial(segment, TO_KERNEL[address]));
        deepEqual(complete, [], `${address}: ${complete.length} of our ${fromUs.length} segments have a checksum of their own`);
      }
    });

    test('50 curls at once on both families, and a connection that is kept', needs('curl', 'sha256sum'), async () => {
      const expected = new Array(50).fill(hashOf(SMALL));
      for (const address of [OURS4, `[${OURS6}]`]) {
        const one = `curl -sS --max-time 50 http://${address}/bytes/${SMALL} | sha256sum`;
        const { stdout, stderr } = await namespace.runBeside(['sh', '-c', `for i in $(seq 50); do ${one} & done; wait`]);
        const hashes = stdout.trim().split('\n').map((line) => line.split(' ')[0]);
        deepEqual(hashes, expected, `${address}: ${stderr}`);
      }
      const address = `http://${OURS4}`;
      const kept = await namespace.runBeside([
        'curl', '-sS', '-w', '%{http_code} %{num_connects}\n', '-o', '/dev/null', '-o', '/dev/null', '-o', '/dev/null',
        `${address}/bytes/1000`, `${address}/`, `${address}/nothing`,
      ]);
      equal(kept.stdout, '200 1\n200 0\n404 0\n');
      const head = await namespace.runBeside(['curl', '-sS', '-I', `${address}/bytes/12345`]);
      match(head.stdout, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 12345\r\n/);
    });

    test('nmap finds exactly the served ports', { ...needs('nmap'), timeout: 120_000 }, async () => {
      for (const scan of ['-sS', '-sT']) {
        for (const [family, address] of [[[], OURS4], [['-6'], OURS6]] as const) {
          const { stdout } = await namespace.runBeside(['nmap', '-n', scan, ...family, '-p', '1-10000', '-oG', '-', address]);
          deepEqual(ports(stdout, 'open'), SERVED_TCP, `${scan} ${address}\n${stdout}`);
          match(stdout, /Ignored State: closed \(9996\)/, `${scan} ${address}`);
        }
      }
    });

    test('nmap -sU: open, open|filtered, closed; an unpaced scan stays within icmp_ratelimit', { ...needs('nmap'), timeout: 120_000 }, async () => {
      // One beside the other: each waits more than a second between its probes.
      const scans = [[OURS4], [OURS6, '-6']].map(async ([address, ...family]) => {
        const { stdout } = await namespace.runBeside([
          'nmap', '-n', '-sU', ...family, '-p', '9,80,9500-9503', '--scan-delay', '1100ms', '--max-retries', '3', '-oG', '-', address,
        ]);
        deepEqual(ports(stdout, 'open'), [9502], stdout);
        deepEqual(ports(stdout, 'open|filtered'), [9], stdout);
        deepEqual(ports(stdout, 'closed'), [80, 9500, 9501, 9503], stdout);
      });
      await Promise.all(scans);

      // For one destination a burst of six, then one a second (icmp_ratelimit), and in IPv6 four a second towards a
      // network of 64 bits, as Linux applies it.
      for (const [address, family, counter, perSecond] of [
        [OURS4, [], 'Icmp InDestUnreachs', 1],
        [OURS6, ['-6'], 'Icmp6InDestUnreachs', 4],
      ] as const) {
        const from = namespace.counter(counter);
        const start = Date.now();
        await namespace.runBeside([
          'nmap', '-n', '-sU', ...family, '-p', '10000-10200', '--min-rate', '200', '--max-retries', '0', address,
        ]);
        const seconds = (Date.now() - start) / 1000;
        const answers = namespace.counter(counter) - from;
        ok(answers >= 1 && answers <= 6 + Math.ceil(perSecond * seconds), `${address}: ${answers} answers in ${seconds} s`);
      }
    });

    test('UDP datagrams of 8,000 bytes both ways', needs('python3'), async () => {
      for (const address of [OURS4, OURS6]) {
        for (const size of ['8000', '0', '1472', '1473', '65000']) {
          const { stdout, stderr } = await namespace.runBeside(['python3', '-c', UDP_ECHO, address, size]);
          equal(stdout, `same ${size}\n`.repeat(5), `${address} ${size}: ${stderr}`);
        }
      }
    });

    if (!offload) {
      test('no bad checksum on the kernel\'s side', { ...needs('tcpdump', 'tshark', 'curl', 'nc', 'ping', 'python3'), timeout: 120_000 }, async () => {
        const file = join(folder, 'kernel-side.pcap');
        const capture = namespace.start('tcpdump', '-i', 'tap0', '-U', '-w', file);
        await capture.says(/listening on/, 'stderr');
        for (const address of [OURS4, OURS6]) {
          const host = address.includes(':') ? `[${address}]` : address;
          await namespace.runBeside(['ping', '-c', '2', '-i', '0.2', '-s', '2001', address]);
          await namespace.runBeside(['nc', '-N', '-w', '5', address, '9502'], 'x'.repeat(12_345));
          await namespace.runBeside(['nc', '-w', '5', address, '9503']);
          await namespace.runBeside(['nc', '-u', '-w', '1', address, '9503'], 'nobody there');
          await namespace.runBeside(['curl', '-sS', '-o', '/dev/null', `http://${host}/bytes/3000001`]);
          await namespace.runBeside(['python3', '-c', UDP_ECHO, address, '8000']);
        }
        await capture.stop();
        const checks = ['tcp', 'udp', 'ip'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
        const unread = ['http', 'echo', 'discard', 'chargen', 'data'].flatMap((name) => ['--disable-protocol', name]);
        const tshark = ['tshark', '-r', file, '-n', ...checks, ...unread, '-T', 'fields'];
        const bad = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6'].map((name) => `${name}.checksum.status == 0`).join(' || ');
        // The kernel's own segments now and then carry 0xffff for 0, which is the same sum; tshark calls it bad. Ours never do.
        const ours = `(ip.src == ${OURS4} || ipv6.src == ${OURS6})`;
        const judged = `((${bad}) && !(tcp.checksum == 0xffff && !${ours})) || _ws.malformed`;
        const complaints = run([...tshark, '-e', 'frame.number', '-e', '_ws.col.Info', '-Y', judged]);
        deepEqual([complaints.status, complaints.stdout], [0, ''], complaints.stderr);
        // That it looked: good checksums of ours, of each kind.
        for (const [name, from] of [['tcp', OURS4], ['tcp', OURS6], ['udp', OURS4], ['udp', OURS6], ['icmp', OURS4], ['icmpv6', OURS6]]) {
          const address = from === OURS4 ? `ip.src == ${from}` : `ipv6.src == ${from}`;
          const good = run([...tshark, '-e', 'frame.number', '-Y', `${name}.checksum.status == 1 && ${address}`]);
          ok(good.stdout.split('\n').length > 1, `${name} from ${from}: ${good.stdout}${good.stderr}`);
        }
      });
    }

    test('the kernel counted no checksum error', () => {
      const counters = ['Tcp InCsumErrors', 'Udp InCsumErrors', 'Icmp InCsumErrors', 'Udp6InCsumErrors', 'Icmp6InCsumErrors'];
      deepEqual(counters.map((name) => [name, namespace.counter(name)]), counters.map((name) => [name, 0]));
      ok(namespace.counter('Tcp InSegs') > 1000);
    });

    test('Ctrl-C leaves no device', async () => {
      const { status, stderr } = await tap.stop();
      deepEqual([status, stderr], [0, '']);
      equal(namespace.run('ip', '-brief', 'link').stdout.includes('tap0'), false);
    });
  });
}

describe('the tap command', { skip: NEEDS.skip, timeout: 60_000 }, () => {
  let namespace: Namespace;
  before(() => {
    namespace = new Namespace();
  });
  after(() => namespace?.end());

  test('what cannot be is said in one sentence: exit status 2 for options, 1 for the machine', async () => {
    const good = ['--address', `${OURS4}/24`];
    for (const [args, status, sentence] of [
      [[], 2, /--address CIDR is missing/],
      [['--address', '192.0.2.2'], 2, /takes an address with its prefix length/],
      [['--address', '192.0.2.300/24'], 2, /takes an address/],
      [['--address', '224.0.0.1/24'], 2, /cannot be the address of a host/],
      [[...good, '--host-address', `${OURS4}/24`], 2, /given twice/],
      [[...good, '--serve', 'gopher:70'], 2, /knows echo, discard/],
      [[...good, '--serve', 'echo:0'], 2, /takes SERVICE:PORT/],
      [[...good, '--serve', 'echo:7,discard:7'], 2, /cannot both have port 7/],
      [[...good, '--bogus'], 2, /unknown option --bogus/],
      [[...good, '--name'], 2, /--name needs a value/],
      [[...good, '--name', 'a-name-that-is-too-long'], 2, /cannot be the name of a device/],
      [[...good, '-w', join(tmpdir(), 'no-such-folder', 'x.pcapng')], 1, /cannot write/],
    ] as const) {
      const ended = await namespace.runBeside(commandLine('tap', ...args));
      equal(ended.status, status, `${args.join(' ')}: ${ended.stderr}`);
      match(ended.stderr, sentence);
      equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
      equal(ended.stdout, '');
    }
  });

  test('a name that is in use', async () => {
    const first = namespace.start(...commandLine('tap', '--address', `${OURS4}/24`, '--name', 'one'));
    await first.says(/^ready$/m);
    const second = await namespace.runBeside(commandLine('tap', '--address', '198.51.100.2/24', '--name', 'one'));
    deepEqual([second.status, second.stderr], [1, 'sockscape tap: the device one is in use by another process\n']);
    await first.stop('SIGTERM');
    const free = await namespace.runBeside(['ip', 'link', 'show', 'dev', 'one']);
    equal(free.status, 1);
  });

  test('a signal before it is ready: the exit status tells it, as shells do, and no program is begun', async () => {
    // It is not ready before duplicate address detection is over, which takes more than a second.
    const words = ['--address', '2001:db8:5::2/64', '--host-address', '2001:db8:5::1/64', '--name'];
    const signals = [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const;
    await Promise.all(signals.flatMap(([signal, status]) => [[], ['--run', 'nc -l 99']].map(async (more, i) => {
      const name = `early${status}${i}`;
      const running = namespace.start(...commandLine('tap', ...words, name, ...more));
      while (namespace.run('ip', '-brief', 'link').stdout.includes(name) === false) await new Promise((resolve) => setTimeout(resolve, 20));
      const ended = await running.stop(signal);
      deepEqual(ended, { status, stdout: '', stderr: '' }, `${signal} ${more.join(' ')}`);
      equal(namespace.run('ip', '-brief', 'link').stdout.includes(name), false);
    })));
    // Once it is ready, to be asked is how it ends.
    const ready = namespace.start(...commandLine('tap', '--address', `${OURS4}/24`, '--name', 'late'));
    await ready.says(/^ready$/m);
    equal((await ready.stop('SIGTERM')).status, 0);
  });

  test('a device that is deleted under our feet ends the command with a sentence', async () => {
    const running = namespace.start(...commandLine('tap', '--address', `${OURS4}/24`, '--name', 'gone'));
    await running.says(/^ready$/m);
    namespace.run('ip', 'link', 'delete', 'gone');
    const { status, stderr } = await running.ended();
    deepEqual([status, stderr], [1, 'sockscape tap: the device gone was removed\n']);
  });

  test('on a terminal it says what it is and what to try; elsewhere it says ready and no more', needs('script'), async () => {
    const words = commandLine('tap', '--address', `${OURS4}/24`, '--host-address', '192.0.2.1/24', '--serve', 'echo:9502,http:80');
    const plain = namespace.start(...words);
    await plain.says(/^ready$/m);
    deepEqual(await plain.stop(), { status: 0, stdout: 'ready\n', stderr: '' });
    // dash does not exec by itself, and a shell between us would die of the Ctrl-C that the command heeds.
    const session = `exec ${words.map((word) => `'${word}'`).join(' ')}`;
    const running = namespace.start('script', '-qefc', session, '/dev/null');
    await running.says(/Ctrl-C ends it/);
    match(running.stdout, /^ready\r?\n[\s\S]*192\.0\.2\.2\/24, on tap0[\s\S]*side: 192\.0\.2\.1\/24[\s\S]*services: echo on port 9502, http on port 80/);
    match(running.stdout, /ping 192\.0\.2\.2[\s\S]*telnet 192\.0\.2\.2 9502[\s\S]*curl http:\/\/192\.0\.2\.2:80\//);
    running.child.stdin?.write('\x03');
    equal((await running.ended()).status, 0);
  });

  test('-w: what passes is in the file, also after kill -9', needs('ping', 'tcpdump'), async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sockscape-tap-'));
    try {
      const file = join(folder, 'x.pcapng');
      const running = await startTap(namespace, '-w', file);
      await namespace.runBeside(['ping', '-c', '1', OURS4]);
      await running.stop('SIGKILL');
      equal(namespace.run('ip', '-brief', 'link').stdout.includes('tap0'), false);
      ok(existsSync(file));
      const { stdout } = run(['tcpdump', '-n', '-r', file, 'icmp']);
      match(stdout, /192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request.*\n.*192\.0\.2\.2 > 192\.0\.2\.1: ICMP echo reply/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
