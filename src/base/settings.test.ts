import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { NOT_IMPLEMENTED, Settings } from './settings.ts';

test('sysctl names read Linux defaults', () => {
  const settings = new Settings();
  equal(settings.get('net.ipv4.ip_default_ttl'), '64');
  equal(settings.get('net.ipv4.tcp_rmem'), '4096\t131072\t33554432');
  equal(settings.get('net.ipv4.ip_local_port_range'), '32768\t60999');
  equal(settings.get('net.ipv4.tcp_congestion_control'), 'cubic');
  for (const name of ['net.ipv4.no_such_thing', 'toString', '__proto__']) equal(settings.get(name), null);
});

test('a value set is a value read, and the field holds a number', () => {
  const settings = new Settings();
  ok(settings.set('net.ipv4.tcp_wmem', ' 1  2\t3 '));
  equal(settings.get('net.ipv4.tcp_wmem'), '1\t2\t3');
  equal(settings.tcpWmemDefault, 2);
  ok(settings.set('net.ipv4.tcp_sack', 0));
  equal(settings.tcpSack, 0);
  ok(settings.set('kernel.hostname', 'anna'));
  equal(settings.hostname, 'anna');
});

test('wrong names and texts are refused and change nothing', () => {
  const settings = new Settings();
  for (const [name, text] of [
    ['net.ipv4.tcp_sack', ''], ['net.ipv4.tcp_sack', 'yes'], ['net.ipv4.tcp_sack', '1 2'], ['net.ipv4.tcp_sack', '1.5'],
    ['net.ipv4.tcp_rmem', '1 2'], ['net.ipv4.tcp_rmem', '1 2 x'], ['tcpSack', '0'], ['__proto__', '0'], ['toString', '0'],
  ] as const) {
    equal(settings.set(name, text), false, `${name}=${text}`);
  }
  for (const name of settings.names()) equal(settings.get(name), new Settings().get(name));
});

test('every name reads and writes fields of its own', () => {
  for (const name of new Settings().names()) {
    const settings = new Settings();
    const before = settings.get(name) as string;
    const other = name === 'net.ipv4.tcp_congestion_control' ? 'reno' : `${before}x`;
    const moved = (by: number): string =>
      before.split('\t').map((word) => (/^\d+$/.test(word) ? String(Number(word) + by) : other)).join('\t');
    // Some stand at the upper end of their range.
    const changed = /^it takes numbers from/.test(settings.refusal(name, moved(1)) ?? '') ? moved(-1) : moved(1);
    const also = NOT_IMPLEMENTED[name];
    if (also !== undefined && !also.includes(changed)) {
      equal(settings.set(name, changed), false, name);
      equal(settings.get(name), before);
      continue;
    }
    ok(settings.set(name, changed), name);
    equal(settings.get(name), changed);
    notEqual(changed, before);
    // Whoever forwards everywhere does so on each interface, and listens to no redirects.
    if (name === 'net.ipv4.ip_forward' || name.endsWith('.conf.all.forwarding')) continue;
    for (const other of settings.names()) if (other !== name) equal(settings.get(other), new Settings().get(other), `${name} changed ${other}`);
  }
});

test('values that would divide by zero or wait for ever are refused, as on Linux', () => {
  const settings = new Settings();
  for (const [name, text] of [
    ['net.ipv4.route.min_pmtu', '67'], ['net.ipv4.ip_default_ttl', '0'], ['net.ipv4.ip_default_ttl', '256'],
    ['net.ipv4.tcp_min_snd_mss', '0'], ['net.ipv4.tcp_fin_timeout', '-1'], ['net.ipv4.tcp_fin_timeout', '9'.repeat(400)],
    ['net.ipv4.ip_local_port_range', '50000 40000'], ['net.ipv4.ip_local_port_range', '0 65536'],
    ['net.ipv4.tcp_congestion_control', 'bbr'], ['net.ipv4.tcp_reordering', '0'],
  ] as const) {
    equal(settings.set(name, text), false, `${name}=${text}`);
  }
});

test('Linux proc_dointvec_minmax and its kin: what is out of range is refused, with the range', () => {
  const settings = new Settings();
  for (const [name, text, range] of [
    ['net.ipv4.ip_local_port_range', '0 60999', '1 to 65535'], ['net.ipv4.tcp_rto_max_ms', '999', '1000 to 120000'],
    ['net.ipv4.tcp_rto_max_ms', '120001', '1000 to 120000'], ['net.ipv4.tcp_rto_min_us', '0', '1 to 2147483647'],
    ['net.ipv4.neigh.default.retrans_time_ms', '0', '1 to 2147483647'],
    ['net.ipv4.neigh.default.base_reachable_time_ms', '0', '1 to 2147483647'],
    ['net.ipv4.tcp_keepalive_time', '0', '1 to 2147483'], ['net.ipv4.tcp_keepalive_intvl', '0', '1 to 2147483'],
    ['net.ipv4.tcp_keepalive_probes', '256', '0 to 255'], ['net.ipv4.tcp_fin_timeout', '2147484', '0 to 2147483'],
    ['net.core.somaxconn', '2147483648', '0 to 2147483647'], ['net.ipv4.tcp_max_syn_backlog', '1e9', null],
    ['net.ipv4.tcp_rmem', '4096 0 6291456', '1 to 2147483647'], ['net.ipv4.tcp_wmem', '0 16384 4194304', '1 to 2147483647'],
    ['net.core.rmem_max', '0', '2304 to 2147483647'], ['net.core.wmem_default', '1', '4608 to 2147483647'],
    ['net.ipv4.tcp_retries2', '256', '0 to 255'], ['net.ipv4.tcp_syn_retries', '0', '1 to 127'],
    ['net.ipv4.ipfrag_time', '99999999', '0 to 2147483'], ['net.ipv4.ipfrag_max_dist', '-1', '0 to 2147483647'],
    ['net.ipv4.icmp_ratelimit', '-1', '0 to 2147483647'], ['net.ipv6.icmp.ratelimit', '4294967296', '0 to 2147483647'],
  ] as const) {
    const before = settings.get(name);
    equal(settings.refusal(name, text), range === null ? 'it takes numbers' : `it takes numbers from ${range}`, name);
    equal(settings.set(name, text), false, name);
    equal(settings.get(name), before);
  }
});

test('net.ipv4.conf: interfaces begin with the defaults; forwarding on all is forwarding everywhere', () => {
  const settings = new Settings();
  equal(settings.get('net.ipv4.conf.eth0.rp_filter'), null);
  ok(settings.set('net.ipv4.conf.default.rp_filter', 2));
  settings.interfaces.ipv4.attach('eth0');
  settings.interfaces.ipv6.attach('eth0');
  equal(settings.get('net.ipv4.conf.eth0.rp_filter'), '2');
  ok(settings.set('net.ipv4.conf.eth0.rp_filter', 1));
  deepEqual(['all', 'default', 'eth0'].map((name) => settings.get(`net.ipv4.conf.${name}.rp_filter`)), ['0', '2', '1']);
  ok(settings.set('net.ipv4.ip_forward', 1));
  for (const name of ['all', 'default', 'eth0']) equal(settings.get(`net.ipv4.conf.${name}.forwarding`), '1', name);
  equal(settings.get('net.ipv4.conf.all.accept_redirects'), '0');
  equal(settings.get('net.ipv4.conf.eth0.accept_redirects'), '1');
  ok(settings.set('net.ipv4.conf.eth0.forwarding', 0));
  equal(settings.get('net.ipv4.ip_forward'), '1');
  ok(settings.set('net.ipv6.conf.all.forwarding', 1));
  equal(settings.get('net.ipv6.conf.eth0.forwarding'), '1');
  equal(settings.refusal('net.ipv4.conf.eth1.forwarding', 1), 'there is no such name');
  equal(settings.refusal('net.ipv4.conf.eth0.no_such_thing', 1), 'there is no such name');
  settings.interfaces.ipv4.detach('eth0');
  equal(settings.get('net.ipv4.conf.eth0.rp_filter'), null);
});
