/**
 * Our name server on a TAP device, asked by dig, by the machine's C library and by whoever sends it rubbish; the C library's
 * answers are compared with those of our resolver, which asks the same server in a world.
 */
import { deepEqual, match, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM } from '../../src/api/posix/constants.ts';
import { AI_ALL, AI_CANONNAME, AI_V4MAPPED, NI_NAMEREQD, NI_NUMERICSERV } from '../../src/api/posix/netdb-constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { needs } from '../needs.ts';
import { REVERSE, serve, ZONE } from '../sim/resolver-world.ts';
import { interopWorld } from './hosts.ts';
import { LinuxNames, showDifferences } from './names/linux-names.ts';
import { ourNames } from './names/our-names.ts';
import { Namespace, OURS4, OURS6, startTap } from './namespace.ts';

const NEEDS = needs('root', 'namespaces', 'tap', 'ip', 'gcc', 'dig', 'python3');
const HOSTNAME = 'own.example.org';
const FILES = { hosts: '127.0.0.1 localhost\n', services: 'https 443/tcp\n', protocols: 'tcp 6 TCP\n' };
/** Beside the zones of the tests in a world: names that only some resolvers take. */
const MORE = `
$ORIGIN more.example.
@       SOA ns admin 1 7200 900 1209600 300
out     CNAME www.elsewhere.example.
star    CNAME a*b
a*b     A 192.0.2.30
under_score A 192.0.2.31
-minus  A 192.0.2.32
mixed   A 192.0.2.33
        A 198.51.100.33
        A 192.0.2.9
        AAAA fd00::33
        AAAA 2001:db8::33
        AAAA 2001:db8:1::33
        AAAA fe80::33
        AAAA ::ffff:192.0.2.34
both    CNAME mixed
nothing CNAME txt
txt     TXT x
dead    CNAME gone
`;

/**
 * resolv.conf, and the names that are the known exception of docs/deviations.md: AF_INET without AI_CANONNAME, of a name
 * that fails in one way as it is and in another in a domain of the search list.
 */
const RESOLV_CONFS: readonly (readonly [conf: string, mixed: RegExp | null])[] = [
  [`nameserver ${OURS4}`, /^(elsewhere|four)\.example$/],
  [`nameserver ${OURS6}`, /^(elsewhere|four)\.example$/],
  [`nameserver ${OURS4}\noptions edns0`, /^(elsewhere|four)\.example$/],
  [`nameserver ${OURS4}\nsearch nosuch.example example.org more.example`, /^((bad|own)\.example\.org|dead\.more\.example)$/],
  [`nameserver ${OURS4}\nsearch more.example example.org\noptions ndots:3`, null],
  [`nameserver 192.0.2.1\nnameserver ${OURS4}\noptions use-vc`, null],
];

const LINES: string[] = [];
for (const name of [
  'www.example.org', 'WEB.example.org', 'four.example.org', 'six.example.org', 'note.example.org', 'nosuch.example.org', 'loop.example.org',
  'bad.example.org', 'many.example.org', 'host.sub.example.org', 'sub.example.org', 'out.more.example', 'star.more.example',
  'under_score.more.example', 'mixed.more.example', 'both.more.example', 'nothing.more.example', 'dead.more.example',
  'four', 'six', 'host.sub', 'mixed', 'note', 'unknown', 'www.example.org.', 'mixed.', 'elsewhere.example', 'four.example',
  'own.example.org',
]) {
  for (const family of [AF_UNSPEC, AF_INET, AF_INET6]) {
    for (const flags of [0, AI_CANONNAME, AI_V4MAPPED, AI_V4MAPPED | AI_ALL]) {
      LINES.push(['getaddrinfo', name, '443', flags, family, SOCK_STREAM, 0].join('\t'));
    }
  }
}
// Names that no host may have. (Of one family alone glibc answers with what its last failed lookup left in h_errno.)
for (const name of ['a*b.more.example', '-minus.more.example', 'a b']) {
  for (const flags of [0, AI_CANONNAME, AI_V4MAPPED]) LINES.push(['getaddrinfo', name, '443', flags, AF_UNSPEC, SOCK_STREAM, 0].join('\t'));
}
for (const address of ['192.0.2.80', '192.0.2.81', '192.0.2.82', '::ffff:192.0.2.80', '2001:db8::80', '198.51.100.1']) {
  for (const flags of [0, NI_NAMEREQD, NI_NUMERICSERV]) LINES.push(['getnameinfo', address, 443, flags].join('\t'));
}

/** Random datagrams and connections with rubbish; then connections that say nothing. */
const RUBBISH = `
import random, socket, sys
random.seed(7)
address = (sys.argv[1], 53)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3000):
    udp.sendto(random.randbytes(random.randrange(0, 120)), address)
for _ in range(100):
    with socket.create_connection(address, 5) as tcp:
        tcp.sendall(random.randbytes(random.randrange(0, 3000)))
silent = [socket.create_connection(address, 5) for _ in range(50)]
print('sent', len(silent))
`;

describe('name-server on a TAP device', { skip: NEEDS.skip, timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-zones-'));
  let namespace: Namespace;
  let library: LinuxNames;

  before(async () => {
    const files = [ZONE, REVERSE, MORE].map((text, i) => {
      const file = join(folder, `zone${i}`);
      writeFileSync(file, text);
      return file;
    });
    namespace = new Namespace();
    await startTap(namespace, '--zone', ...files);
    library = new LinuxNames(FILES);
  });
  after(async () => {
    await namespace.end();
    library.remove();
    rmSync(folder, { recursive: true });
  });

  const dig = (...words: string[]): string => namespace.run('dig', `@${OURS4}`, '+tries=1', ...words).stdout;

  test('dig: answers, aliases, reverse, service, text', () => {
    match(dig('www.example.org', 'A'), /flags: qr aa rd; QUERY: 1, ANSWER: 2/);
    match(dig('+short', 'www.example.org', 'AAAA'), /^web\.example\.org\.\n2001:db8::80\n$/);
    match(dig('+short', '-x', '192.0.2.80'), /^web\.example\.org\.$/m);
    match(dig('+short', 'note.example.org', 'TXT'), /^"none"$/m);
    match(namespace.run('dig', `@${OURS6}`, '+short', 'example.org', 'NS').stdout, /^ns\.example\.org\.$/m);
  });

  test('dig: no such name, nothing of the type, not ours, not done', () => {
    const nothing = dig('nosuch.example.org');
    match(nothing, /status: NXDOMAIN/);
    match(nothing, /example\.org\.\s+300\s+IN\s+SOA\s+ns\.example\.org\. admin\.example\.org\. 1 7200 900 1209600 300/);
    match(dig('four.example.org', 'AAAA'), /status: NOERROR.*\n.*ANSWER: 0, AUTHORITY: 1/);
    match(dig('elsewhere.example'), /status: REFUSED/);
    match(dig('example.org', 'AXFR'), /Transfer failed/);
    match(dig('+edns=3', '+noednsnegotiation', 'four.example.org'), /status: BADVERS/);
    match(dig('+header-only'), /status: FORMERR/);
  });

  test('dig: a datagram too short says so, and TCP has it all', () => {
    match(dig('+noedns', '+ignore', 'many.example.org'), /flags: qr aa tc rd;/);
    match(dig('+noedns', 'many.example.org'), /Truncated, retrying in TCP mode[\s\S]*ANSWER: 60/);
    match(dig('+bufsize=4096', '+ignore', 'many.example.org'), /flags: qr aa rd; QUERY: 1, ANSWER: 60/);
    match(dig('+tcp', 'many.example.org'), /ANSWER: 60/);
  });

  test('rubbish and silent connections: it goes on answering', () => {
    match(namespace.run('python3', '-c', RUBBISH, OURS4).stdout, /sent 50/);
    match(dig('+short', 'four.example.org'), /^192\.0\.2\.4$/m);
    match(dig('+short', '+tcp', 'four.example.org'), /^192\.0\.2\.4$/m);
  });

  for (const [conf, mixed] of RESOLV_CONFS) {
    test(`the C library and our resolver get the same from it: ${conf.replaceAll('\n', ', ')}`, async () => {
      library.write('resolv.conf', `${conf}\n`);
      const lines = LINES.filter((line) => !isException(line, mixed));
      const linux = library.answers(namespace.words('unshare', '--uts'), [`hostname ${HOSTNAME}`], lines);
      ok(lines.length > 350);
      deepEqual(showDifferences(lines, linux, await ourAnswers(conf, lines)), []);
    });
  }
});

function isException(line: string, mixed: RegExp | null): boolean {
  const [call, name, , flags, family] = line.split('\t');
  return call === 'getaddrinfo' && Number(family) === AF_INET && (Number(flags) & AI_CANONNAME) === 0 && mixed?.test(name) === true;
}

function ourAnswers(conf: string, lines: readonly string[]): Promise<string[]> {
  return interopWorld({ seed: 1 }, async (world) => {
    const client = world.host(HOSTNAME);
    const server = world.host('server');
    world.cable(client, server, { addressA: ['192.0.2.1/24', '2001:db8::1/64'], addressB: [`${OURS4}/24`, `${OURS6}/64`], delayUs: 100 });
    for (const [name, text] of Object.entries({ ...FILES, 'resolv.conf': `${conf}\n` })) client.writeFile(`/etc/${name}`, text);
    await serve(server, ZONE, REVERSE, MORE);
    await world.sleep(3e6);
    const process = new Process(client, 'names');
    const answers: string[] = [];
    for (const line of lines) answers.push(await ourNames(process, line));
    return answers;
  });
}
