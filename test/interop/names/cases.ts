/** The questions that names.test.ts asks of both sides, and the files that the answers come from. */
import {
  AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, SOCK_DGRAM, SOCK_RAW,
  SOCK_RDM, SOCK_SEQPACKET, SOCK_STREAM,
} from '../../../src/api/posix/constants.ts';
import {
  AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, AI_V4MAPPED, NI_DGRAM, NI_NAMEREQD, NI_NOFQDN,
  NI_NUMERICHOST, NI_NUMERICSERV,
} from '../../../src/api/posix/netdb-constants.ts';

/** Addresses of all kinds under one name, so that the order says something. */
const KINDS = [
  '203.0.113.5', '192.0.2.77', '192.0.2.9', '127.0.0.5', '169.254.3.4', '10.9.8.7', '2001:db8::99', '2001:db8::5',
  '2001:db8:1::5', 'fd00::7',
  '2002:c000:204::1', 'fec0::5', '::ffff:192.0.2.8', '::1', 'fe80::77', '2001:0:53aa::1', '::192.0.2.4',
];

/** Those of test/sim/names.test.ts. */
const FEW = [
  '203.0.113.5', '192.0.2.9', '127.0.0.5', '169.254.3.4', '2001:db8::5', 'fd00::7', '2002:c000:204::1', '::1', 'fe80::77',
];

export const HOSTS = `
# A comment, and lines that are none.
127.0.0.1	localhost
::1 localhost ip6-localhost   # behind the names
192.0.2.1  own.example.org own
192.0.2.77 Peer.Example.org peer alias-of-peer
192.0.2.78 peer.example.org second
2001:db8::77 peer.example.org
192.0.2.10 four
2001:db8::10 six
::ffff:192.0.2.12 mapped
fe80::5 link
300.1.2.3 broken
192.0.2.99
1.2 short
${KINDS.map((address) => `${address} kinds`).join('\n')}
${[...KINDS].reverse().map((address) => `${address} kinds-backward`).join('\n')}
${FEW.map((address) => `${address} few`).join('\n')}
2001:db8::50 both
192.0.2.50 both
203.0.113.50 away
2001:db8:1::50 away
`;
export const SERVICES = `
echo 7/tcp
echo 7/udp
http		80/tcp		www www-http	# the web
domain 53/udp
domain 53/tcp nameserver
tftp 69/udp
only-sctp 9/sctp
syslog 514/udp
shell 514/tcp cmd
broken tcp
`;
export const PROTOCOLS = `
ip 0 IP
icmp 1 ICMP	# messages
tcp	6	TCP
udp	17	UDP
broken
`;

const cases: string[] = [];

function ask(call: string, ...words: (string | number | null)[]): void {
  cases.push([call, ...words.map((word) => (word === null ? '-' : word === '' ? "''" : String(word)))].join('\t'));
}

function addrinfo(node: string | null, service: string | null, flags: number | null, family = 0, socktype = 0, protocol = 0): void {
  ask('getaddrinfo', node, service, flags, family, socktype, protocol);
}

// Text of addresses, in every family.
for (const node of [
  '192.0.2.5', '127.1', '0x7f.1', '017.0.0.1', '192.0.2.5 ', '1.2.3', '256.1.1.1', '4294967295', '4294967296', '0', '2001:db8::5',
  '::', '::1',
  '::ffff:192.0.2.5', '::192.0.2.5', 'fe80::1', 'fe80::1%eth0', 'fe80::1%lo', 'fe80::1%7', 'fe80::1%nosuch', 'fe80::1%', 'ff02::1%eth0',
  'ff05::1%eth0', '2001:db8::5%eth0', '2001:db8::5%77', '::1%eth0', '::ffff:192.0.2.5%eth0', '1::2::3', ':', '%eth0',
  '192.0.2.5%eth0', 'fe80::1%99999999999',
]) {
  for (const family of [AF_UNSPEC, AF_INET, AF_INET6]) {
    for (const more of [0, AI_CANONNAME, AI_V4MAPPED]) addrinfo(node, null, AI_NUMERICHOST | more, family, SOCK_STREAM);
  }
}
// Names of /etc/hosts.
for (const node of [
  'localhost', 'LocalHost', 'ip6-localhost', 'peer', 'PEER.example.ORG', 'second', 'alias-of-peer', 'own', 'four', 'six',
  'mapped', 'link', 'both',
  'away', 'short', 'kinds', 'kinds-backward', 'few',
]) {
  for (const family of [AF_UNSPEC, AF_INET, AF_INET6]) {
    const all = AI_V4MAPPED | AI_CANONNAME | AI_ADDRCONFIG;
    for (const flags of [0, AI_CANONNAME, AI_V4MAPPED, AI_V4MAPPED | AI_ALL, AI_ADDRCONFIG, AI_ALL, all]) {
      addrinfo(node, '80', flags, family, SOCK_DGRAM);
    }
  }
  addrinfo(node, 'http', null);
  addrinfo(node, null, AI_NUMERICHOST);
}
// Names that nobody knows: the name server refuses.
for (const node of [
  'nosuch', 'nosuch.example.org', 'broken', '', 'a..b', '.', 'x'.repeat(64), `${'abcdefg.'.repeat(32)}com`, 'nosuch.', '1.2.3.4.5',
]) {
  for (const family of [AF_UNSPEC, AF_INET, AF_INET6]) {
    for (const flags of [0, AI_CANONNAME, AI_V4MAPPED]) addrinfo(node, '80', flags, family, SOCK_STREAM);
  }
}
// No name.
for (const flags of [0, AI_PASSIVE, AI_ADDRCONFIG, AI_PASSIVE | AI_ADDRCONFIG, AI_CANONNAME, AI_V4MAPPED, AI_NUMERICHOST]) {
  for (const family of [AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 77]) {
    addrinfo(null, '80', flags, family);
    addrinfo('192.0.2.5', '80', flags, family);
  }
}
for (const [node, service] of [
  [null, null], ['*', null], ['*', '*'], [null, '*'], ['*', '80'], ['localhost', '*'], [null, ''], ['localhost', ''],
] as const) {
  addrinfo(node, service, 0);
  addrinfo(node, service, null);
}
for (const flags of [0x200, 0x1000, -1, 0x40, 0x800]) addrinfo('127.0.0.1', '80', flags);
// Services, kinds of sockets, protocols.
for (const service of [
  'http', 'www', 'WWW', 'domain', 'nameserver', 'tftp', 'only-sctp', 'shell', 'syslog', 'nosuch', 'broken', '0', '80', '65535',
  '65536', '99999', '-1',
  '+80', ' 80', '80 ', '0x50', '080', '4294967376', '2147483648', '18446744073709551615', '99999999999999999999', '', '-0',
  '-4294967216', null,
]) {
  for (const [socktype, protocol] of [
    [0, 0], [SOCK_STREAM, 0], [SOCK_DGRAM, 0], [SOCK_RAW, 0], [SOCK_SEQPACKET, 0], [0, IPPROTO_TCP], [0, IPPROTO_UDP], [0, IPPROTO_SCTP],
    [0, IPPROTO_UDPLITE], [SOCK_DGRAM, IPPROTO_TCP], [SOCK_STREAM, IPPROTO_SCTP], [SOCK_RAW, IPPROTO_ICMP], [0, IPPROTO_ICMP],
    [SOCK_RDM, 0], [SOCK_STREAM, IPPROTO_ICMP],
  ]) {
    addrinfo('192.0.2.5', service, 0, AF_UNSPEC, socktype, protocol);
  }
  addrinfo(null, service, AI_NUMERICSERV, AF_INET, SOCK_STREAM);
  addrinfo('192.0.2.5', service, AI_NUMERICSERV);
}
// And back.
for (const address of [
  '127.0.0.1', '192.0.2.77', '192.0.2.78', '192.0.2.1', '192.0.2.200', '::1', '2001:db8::77', '2001:db8::200', '::ffff:192.0.2.12',
  '::ffff:192.0.2.77', 'fe80::5', 'fe80::9', 'fe80::9%eth0', 'fe80::9%lo', 'fe80::9%77', '2001:db8::200%77', 'ff02::1%eth0',
  'ff05::1%77', '0.0.0.0', '::',
]) {
  for (const flags of [
    0, NI_NUMERICHOST, NI_NUMERICHOST | NI_NUMERICSERV, NI_NAMEREQD, NI_NAMEREQD | NI_NUMERICHOST, NI_NOFQDN, NI_DGRAM,
    NI_NUMERICSERV | NI_NOFQDN,
  ]) {
    ask('getnameinfo', address, 514, flags);
  }
}
for (const port of [0, 7, 53, 69, 80, 9, 65535]) {
  for (const flags of [NI_NUMERICHOST, NI_NUMERICHOST | NI_DGRAM]) ask('getnameinfo', '192.0.2.5', port, flags);
}
ask('getnameinfo', '192.0.2.5', 80, 0x4000);
// The tables themselves.
for (const name of ['http', 'www-http', 'HTTP', 'domain', 'nameserver', 'echo', 'only-sctp', 'broken', 'nosuch']) {
  for (const proto of ['tcp', 'udp', 'sctp', 'TCP', null]) ask('getservbyname', name, proto);
}
for (const port of [7, 53, 80, 514, 9, 1, 65535]) for (const proto of ['tcp', 'udp', null]) ask('getservbyport', port, proto);
for (const name of ['tcp', 'TCP', 'Tcp', 'icmp', 'ip', 'broken', 'nosuch']) ask('getprotobyname', name);
for (const proto of [0, 1, 6, 17, 99]) ask('getprotobynumber', proto);
for (const name of ['lo', 'eth0', 'nosuch']) ask('if_nametoindex', name);
for (let eai = -110; eai <= 3; eai++) ask('gai_strerror', eai);

export const CASES: readonly string[] = [...new Set(cases)];
