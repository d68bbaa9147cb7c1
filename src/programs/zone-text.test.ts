import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { below, SeededRandom } from '../base/random.ts';
import { parentOf, parseZone, type Zone } from './zone-text.ts';

const EXAMPLE = `
; a comment
$ORIGIN example.org.
$TTL 600
@     SOA  ns admin.mail ( 1   ; refresh follows
                           7200 900 1209600 300 )
`;

function zone(text: string): Zone {
  const result = parseZone(text);
  if (typeof result === 'string') throw new Error(result);
  return result;
}

test('RFC 1035 5: owners, TTLs and classes in either order, comments, parentheses, quotations', () => {
  const { origin, soa, names } = zone(`${EXAMPLE}
      NS   ns
ns    A    192.0.2.53
      AAAA 2001:db8::53
www   300 IN CNAME web
web   IN 60 A 192.0.2.80  ; the web
note  TXT "two \\"strings\\"; no comment" of "" text
@     MX 10 mail.example.net.
_http._tcp.deep SRV 1 2 80 web
$ORIGIN sub.example.org.
host  A 192.0.2.99
`);
  deepEqual([origin, soa.ttl, soa.data], ['example.org', 600, {
    kind: 'soa', primary: 'ns.example.org', mailbox: 'admin.mail.example.org', serial: 1, refresh: 7200, retry: 900, expire: 1209600,
    minimum: 300,
  }]);
  deepEqual([...names.keys()], [
    'example.org', 'ns.example.org', 'www.example.org', 'web.example.org', 'note.example.org', '_http._tcp.deep.example.org',
    '_tcp.deep.example.org', 'deep.example.org', 'host.sub.example.org', 'sub.example.org',
  ]);
  deepEqual(names.get('ns.example.org')?.map(({ type, ttl }) => [type, ttl]), [[1, 600], [28, 600]]);
  deepEqual(names.get('www.example.org')?.map(({ ttl, data }) => [ttl, data]), [[300, { kind: 'name', target: 'web.example.org' }]]);
  equal(names.get('web.example.org')?.[0].ttl, 60);
  const [note] = names.get('note.example.org') ?? [];
  const strings = note.data.kind === 'txt' ? note.data.strings : [];
  deepEqual(strings.map((bytes) => new TextDecoder().decode(bytes)), ['two "strings"; no comment', 'of', '', 'text']);
  const [service] = names.get('_http._tcp.deep.example.org') ?? [];
  deepEqual(service.data, { kind: 'srv', priority: 1, weight: 2, port: 80, target: 'web.example.org' });
  deepEqual(names.get('deep.example.org'), [], 'RFC 8020: a name between exists');
});

test('a zone that is wrong is told by line', () => {
  for (const [text, words] of [
    ['', /begins with its SOA/],
    ['@ SOA a b 1 1 1 1 1', /line 1: '@' needs an \$ORIGIN/],
    ['$ORIGIN a..b.', /'a\.\.b\.' is no name/],
    ['$INCLUDE file', /no \$INCLUDE/],
    ['$TTL 1h', /no number/],
    [' A 192.0.2.1', /no owner/],
    [`${EXAMPLE}www A 192.0.2.256`, /line 7: '192\.0\.2\.256' is no address/],
    [`${EXAMPLE}www AAAA 192.0.2.1`, /no address of this type/],
    [`${EXAMPLE}www A`, /1 words of data/],
    [`${EXAMPLE}www HINFO a b`, /unknown type 'HINFO'/],
    [`${EXAMPLE}www`, /unknown type ''/],
    [`${EXAMPLE}www MX mail 10`, /no number/],
    [`${EXAMPLE}www SRV 1 2 65536 a`, /no number/],
    [`${EXAMPLE}www.example.net. A 192.0.2.1`, /not in example\.org/],
    [`${EXAMPLE}www CNAME a\nwww A 192.0.2.1`, /alias/],
    [`${EXAMPLE}www SOA a b 1 1 1 1 1`, /one SOA/],
    [`${EXAMPLE}www TXT "open`, /too many/],
    [`${EXAMPLE}www TXT`, /no text/],
    [`${EXAMPLE}www TXT ${'x'.repeat(256)}`, /255/],
    [`${EXAMPLE}www A ( 192.0.2.1`, /not closed/],
    [`${EXAMPLE}www A ) 192.0.2.1`, /parenthesis/],
  ] as const) {
    const result = parseZone(text);
    match(typeof result === 'string' ? result : 'taken', words, text);
  }
});

test('no text is thrown at', () => {
  const random = new SeededRandom('zone');
  const pieces = [
    EXAMPLE, '(', ')', '"', ';', '\\', '\n', ' ', '@', 'A', '192.0.2.1', '$TTL', '.', 'SOA', '999999999999', 'TXT', '\0', 'ä',
  ];
  for (let round = 0; round < 3000; round++) {
    let text = below(random, 2) === 0 ? EXAMPLE : '';
    for (let i = below(random, 20); i > 0; i--) text += pieces[below(random, pieces.length)] + (below(random, 2) === 0 ? ' ' : '');
    parseZone(text);
  }
});

test('the name above another', () => {
  deepEqual(['www.example.org', 'org', '.', 'a\\.b.c', 'a\\\\.b'].map(parentOf), ['example.org', '.', '.', 'c', 'b']);
});
