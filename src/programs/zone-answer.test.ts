import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type DnsMessage, DnsType, ednsOf, ednsRecord, encodeDnsMessage, parseDnsMessage, Rcode } from '../api/posix/dns.ts';
import { below, SeededRandom } from '../base/random.ts';
import { answerTo } from './zone-answer.ts';
import { parseZone, type Zone } from './zone-text.ts';

const TEXTS = [`
$ORIGIN example.org.
@      SOA ns admin 1 7200 900 1209600 300
       NS  ns
       MX  10 mail
ns     A   192.0.2.53
mail   A   192.0.2.25
       AAAA 2001:db8::25
www    CNAME web
web    A   192.0.2.80
chain  CNAME www
gone   CNAME nowhere
out    CNAME www.example.com.
over   CNAME host.sub
loop   CNAME pool
pool   CNAME loop
a.deep A   192.0.2.1
_sip._udp SRV 1 2 5060 mail
big    TXT ${Array.from({ length: 8 }, () => `"${'x'.repeat(200)}"`).join(' ')}
`, `
$ORIGIN sub.example.org.
@      SOA ns admin 1 7200 900 1209600 60
host   A   192.0.2.99
`, `
$ORIGIN 2.0.192.in-addr.arpa.
@      SOA ns.example.org. admin.example.org. 1 7200 900 1209600 300
80     PTR web.example.org.
`];
const ZONES = TEXTS.map((text) => {
  const zone = parseZone(text);
  if (typeof zone === 'string') throw new Error(zone);
  return zone;
}) as readonly Zone[];

function query(name: string, type: number): DnsMessage {
  return {
    id: 7, isResponse: false, opcode: 0, isAuthoritative: false, isTruncated: false, recursionDesired: true, recursionAvailable: true,
    authenticData: true, checkingDisabled: false, rcode: 0, questions: [{ name, type, class: 1 }], answers: [], authorities: [],
    additionals: [],
  };
}

function sent(message: DnsMessage, limit: number | null = null): DnsMessage {
  const bytes = answerTo(ZONES, encodeDnsMessage(message), limit);
  const answer = bytes === null ? 0 : parseDnsMessage(bytes);
  if (typeof answer === 'number') throw new Error(`no answer, or fault ${answer}`);
  deepEqual([answer.id, answer.isResponse, answer.recursionAvailable, answer.authenticData], [message.id, true, false, false]);
  return answer;
}

/** Result code, owners and types of answers, of authorities, of additionals. */
function told({ rcode, answers, authorities, additionals }: DnsMessage): unknown[] {
  return [rcode, ...[answers, authorities, additionals].map((list) => list.map(({ name, type }) => `${name} ${type}`).join(', '))];
}

test('RFC 1034 4.3.2: what there is, through aliases, with the addresses of hosts that it names', () => {
  deepEqual(told(sent(query('WEB.example.org', DnsType.A))), [0, 'web.example.org 1', '', '']);
  deepEqual(told(sent(query('chain.example.org', DnsType.A))), [0, 'chain.example.org 5, www.example.org 5, web.example.org 1', '', '']);
  deepEqual(told(sent(query('www.example.org', DnsType.CNAME))), [0, 'www.example.org 5', '', '']);
  deepEqual(told(sent(query('over.example.org', DnsType.A))), [0, 'over.example.org 5, host.sub.example.org 1', '', '']);
  const mail = 'mail.example.org 1, mail.example.org 28';
  deepEqual(told(sent(query('example.org', DnsType.MX))), [0, 'example.org 15', '', mail]);
  deepEqual(told(sent(query('_sip._udp.example.org', DnsType.SRV))), [0, '_sip._udp.example.org 33', '', mail]);
  deepEqual(told(sent(query('80.2.0.192.in-addr.arpa', DnsType.PTR))), [0, '80.2.0.192.in-addr.arpa 12', '', '']);
  const all = 'example.org 6, example.org 2, example.org 15';
  deepEqual(told(sent(query('example.org', DnsType.ANY))), [0, all, '', `ns.example.org 1, ${mail}`]);
  equal(sent(query('web.example.org', DnsType.A)).isAuthoritative, true);
});

test('RFC 2308: no such name, and nothing of this type, with the SOA record; its TTL is the smaller one', () => {
  deepEqual(told(sent(query('nosuch.example.org', DnsType.A))), [Rcode.NxDomain, '', 'example.org 6', '']);
  deepEqual(told(sent(query('web.example.org', DnsType.AAAA))), [0, '', 'example.org 6', '']);
  deepEqual(told(sent(query('deep.example.org', DnsType.A))), [0, '', 'example.org 6', '']);
  deepEqual(told(sent(query('gone.example.org', DnsType.A))), [Rcode.NxDomain, 'gone.example.org 5', 'example.org 6', '']);
  equal(sent(query('nosuch.example.org', DnsType.A)).authorities[0].ttl, 300);
  deepEqual(told(sent(query('x.sub.example.org', DnsType.A))), [Rcode.NxDomain, '', 'sub.example.org 6', '']);
});

test('aliases that lead out of the zones, or in a circle, end there', () => {
  deepEqual(told(sent(query('out.example.org', DnsType.A))), [0, 'out.example.org 5', '', '']);
  deepEqual(told(sent(query('loop.example.org', DnsType.A))), [0, 'loop.example.org 5, pool.example.org 5', '', '']);
});

test('what is not ours is refused; what we do not do is not implemented; a response is not answered', () => {
  deepEqual(told(sent(query('example.com', DnsType.A))), [Rcode.Refused, '', '', '']);
  deepEqual(told(sent(query('.', DnsType.NS))), [Rcode.Refused, '', '', '']);
  equal(sent({ ...query('web.example.org', 1), questions: [{ name: 'web.example.org', type: 1, class: 3 }] }).rcode, Rcode.Refused);
  equal(sent(query('example.org', DnsType.AXFR)).rcode, Rcode.NotImp);
  equal(sent({ ...query('example.org', 1), opcode: 5 }).rcode, Rcode.NotImp);
  equal(sent({ ...query('example.org', 1), questions: [] }).rcode, Rcode.FormErr);
  const [question] = query('web.example.org', 1).questions;
  equal(sent({ ...query('a', 1), questions: [question, question] }).rcode, Rcode.FormErr);
  equal(answerTo(ZONES, encodeDnsMessage({ ...query('web.example.org', 1), isResponse: true }), null), null);
});

test('RFC 1035 4.2.1, RFC 6891: a datagram is as long as the client takes, 512 without EDNS; TC says that there is more', () => {
  const plain = query('big.example.org', DnsType.TXT);
  const edns = { udpBytes: 4096, extendedRcode: 0, version: 0, dnssecOk: false, options: [] };
  const short = sent(plain);
  deepEqual([short.isTruncated, short.answers.length, ednsOf(short)], [true, 0, null]);
  equal(sent(plain, 65535).answers.length, 1);
  const long = sent({ ...plain, additionals: [ednsRecord(edns)] });
  deepEqual([long.isTruncated, ednsOf(long)?.udpBytes], [true, 1232], 'never more than what no path fragments');
  equal(sent({ ...query('web.example.org', 1), additionals: [ednsRecord({ ...edns, udpBytes: 0 })] }).answers.length, 1);
  const later = sent({ ...query('web.example.org', 1), additionals: [ednsRecord({ ...edns, version: 1 })] });
  deepEqual([later.rcode, ednsOf(later)?.extendedRcode, later.answers.length], [0, 1, 0], 'BADVERS');
  equal(sent({ ...query('web.example.org', 1), additionals: [ednsRecord(edns), ednsRecord(edns)] }).rcode, Rcode.FormErr);
});

test('any octets get an answer that can be read and fits, or none', () => {
  const random = new SeededRandom('name server');
  const seeds = [query('chain.example.org', DnsType.A), query('big.example.org', DnsType.TXT), query('example.org', DnsType.ANY)];
  let formErrors = 0;
  for (let round = 0; round < 5000; round++) {
    const bytes = encodeDnsMessage(seeds[below(random, seeds.length)]);
    for (let strokes = below(random, 4); strokes > 0; strokes--) bytes[below(random, bytes.length)] = random.int32();
    const cut = bytes.slice(0, below(random, 4) === 0 ? below(random, bytes.length + 1) : bytes.length);
    const answer = answerTo(ZONES, cut, null);
    if (answer === null) {
      ok(cut.length < 12 || cut[2] >= 0x80, `round ${round} deserves an answer`);
      continue;
    }
    ok(answer.length <= 1232);
    const message = parseDnsMessage(answer);
    notEqual(typeof message, 'number', `round ${round}`);
    if (typeof message !== 'number' && message.rcode === Rcode.FormErr) formErrors++;
  }
  ok(formErrors > 100);
});
