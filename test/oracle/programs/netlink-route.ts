/** NETLINK_ROUTE: links, addresses, routes and neighbours that change; who hears of it, and what is lost. */
import { AF, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { ASK, attribute, F, ifaddr, ifinfo, LO, MAKE, message, ndmsg, nl, type RouteHead, rtmsg, T, Talk, u32 } from '../netlink-text.ts';
import { ints, joined, pattern, POLL, room, silently, state, wait } from '../toolkit.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';

const NETLINK = 270;
const PKTINFO = 3, NO_ENOBUFS = 5;
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, CACHEINFO: 6, FLAGS: 8 } as const;
const RTA = { DST: 1, SRC: 2, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, TABLE: 15 } as const;
const UNICAST = 1, BLACKHOLE = 6, UNREACHABLE = 7, PROHIBIT = 8;
const MAIN = 254, BOOT = 3, LINK = 253;
/** Groups as bits: links, neighbours, IPv4's and IPv6's addresses and routes. */
const LINKS = 1, NEIGHBOURS = 4, ADDRESSES = 0x110, ROUTES = 0x440;

function ip4(text: string): Uint8Array {
  return Uint8Array.from(text.split('.').map(Number));
}

/** Eight groups at most, with one `::`. */
function ip6(text: string): Uint8Array {
  const [front, back] = text.split('::').map((half) => half.split(':').filter((word) => word !== '').map((word) => Number.parseInt(word, 16)));
  const words = [...(front as number[]), ...new Array<number>(8 - (front as number[]).length - (back?.length ?? 0)).fill(0), ...(back ?? [])];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function name(text: string): Uint8Array {
  return Uint8Array.from([...text].map((letter) => letter.charCodeAt(0)).concat(0));
}

const addresses = program('netlink-addresses', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const add = (what: string, flags: number, length: number, index: number, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(`add ${what}`, T.NEWADDR, flags, ifaddr(AF.INET, length, index), ...parts)
  );
  const local = (text: string): Uint8Array => attribute(IFA.LOCAL, ip4(text));
  await add('the one that is there', MAKE, 8, LO, local('127.0.0.1'));
  await add('it again, replacing', ASK | F.REPLACE, 8, LO, local('127.0.0.1'));
  await add('it again, without a word', ASK, 8, LO, local('127.0.0.1'));
  await add('prefix 33', MAKE, 33, LO, local('127.0.0.2'));
  await add('nothing', MAKE, 8, LO);
  await add('only a peer', MAKE, 8, LO, attribute(IFA.ADDRESS, ip4('127.0.0.2')));
  await add('to no device', MAKE, 8, 99, local('127.0.0.2'));
  await add('three bytes', MAKE, 8, LO, attribute(IFA.LOCAL, room(3)));
  await add('five bytes', MAKE, 32, LO, attribute(IFA.LOCAL, Uint8Array.of(10, 7, 0, 5, 9)));
  await add('a long label', MAKE, 32, LO, local('10.7.0.1'), attribute(IFA.LABEL, name('abcdefghijklmnop')));
  await add('no lifetime', MAKE, 32, LO, local('10.7.0.1'), attribute(IFA.CACHEINFO, room(16)));
  await add('a preferred lifetime beyond the valid', MAKE, 32, LO, local('10.7.0.1'), attribute(IFA.CACHEINFO, joined(u32(9), u32(5), u32(0), u32(0))));
  await add('a short lifetime', MAKE, 32, LO, local('10.7.0.1'), attribute(IFA.CACHEINFO, room(8)));
  await add('one', MAKE, 32, LO, local('10.7.0.1'));
  await add('one with a label and a broadcast address', ASK, 32, LO, local('10.7.0.2'), attribute(IFA.LABEL, name('lo:x')), attribute(IFA.BROADCAST, ip4('10.7.0.255')));
  await add('one with its address twice', MAKE, 32, LO, local('10.7.0.3'), attribute(IFA.ADDRESS, ip4('10.7.0.3')));
  await talk.ask('a nearer scope', T.NEWADDR, MAKE, ifaddr(AF.INET, 32, LO, 0, LINK), local('10.7.0.4'));
  await add('a second one of 127.0.0.0/8', MAKE, 8, LO, local('127.0.0.3'));
  await add('a header too short', MAKE, 32, LO);
  await talk.ask('short', T.NEWADDR, MAKE, Uint8Array.of(AF.INET, 8));
  await talk.ask('another family', T.NEWADDR, MAKE, ifaddr(9, 8, LO), local('10.7.0.9'));
  await talk.ask('no family', T.NEWADDR, MAKE, ifaddr(0, 8, LO), local('10.7.0.9'));
  await talk.ask('all of them', T.GETADDR, F.REQUEST | F.DUMP, ifaddr(AF.INET, 0, 0));
  await talk.ask('their routes', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET }));
  const drop = (what: string, length: number, index: number, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(`delete ${what}`, T.DELADDR, ASK, ifaddr(AF.INET, length, index), ...parts)
  );
  await drop('none', 32, LO, local('10.7.0.99'));
  await drop('of no device', 32, 99, local('10.7.0.1'));
  await drop('by another prefix', 24, LO, local('10.7.0.1'), attribute(IFA.ADDRESS, ip4('10.7.0.1')));
  await drop('by another label', 32, LO, local('10.7.0.2'), attribute(IFA.LABEL, name('lo:y')));
  await drop('by its label', 32, LO, local('10.7.0.2'), attribute(IFA.LABEL, name('lo:x')));
  await drop('by its network', 32, LO, attribute(IFA.ADDRESS, ip4('10.7.0.3')));
  await drop('by its address, whatever the prefix', 8, LO, local('10.7.0.1'));
  await drop('twice', 8, LO, local('10.7.0.1'));
  await drop('short', 8, LO, attribute(IFA.LOCAL, room(2)));
  await talk.ask('what is left', T.GETADDR, F.REQUEST | F.DUMP, ifaddr(AF.INET, 0, 0));
  await talk.ask('one of IPv4', T.GETADDR, ASK, ifaddr(AF.INET, 8, LO), local('127.0.0.1'));
  const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await env.attempt(p.bind(fd, Uint8Array.from([2, 0, 0, 0, 10, 7, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0])));
});

const addresses6 = program('netlink-addresses6', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const add = (what: string, flags: number, length: number, index: number, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(`add ${what}`, T.NEWADDR, flags, ifaddr(AF.INET6, length, index), ...parts)
  );
  const local = (text: string): Uint8Array => attribute(IFA.LOCAL, ip6(text));
  await add('the one that is there', MAKE, 128, LO, local('::1'));
  await add('prefix 129', MAKE, 129, LO, local('2001:db8::1'));
  await add('nothing', MAKE, 128, LO);
  await add('to no device', MAKE, 128, 99, local('2001:db8::1'));
  await add('a group', MAKE, 128, LO, local('ff02::5'));
  await add('nobody', MAKE, 128, LO, local('::'));
  await add('short', MAKE, 128, LO, attribute(IFA.LOCAL, room(8)));
  await add('one', MAKE, 128, LO, local('2001:db8::1'));
  await add('one by IFA_ADDRESS', ASK, 128, LO, attribute(IFA.ADDRESS, ip6('2001:db8::2')));
  await add('one without a test', MAKE, 128, LO, local('2001:db8::3'), attribute(IFA.FLAGS, u32(2)));
  await add('it again', MAKE, 128, LO, local('2001:db8::1'));
  await add('it again, replacing', ASK | F.REPLACE, 128, LO, local('2001:db8::1'));
  await add('one of the link', MAKE, 128, LO, local('fe80::7'));
  // Even on loopback an address of the link is tested, a moment later.
  await env.settle();
  await talk.ask('all of them', T.GETADDR, F.REQUEST | F.DUMP, ifaddr(AF.INET6, 0, 0));
  await talk.ask('one', T.GETADDR, ASK, ifaddr(AF.INET6, 128, LO), local('2001:db8::1'));
  await talk.ask('one without a device', T.GETADDR, ASK, ifaddr(AF.INET6, 128, 0), local('2001:db8::1'));
  await talk.ask('one that nobody has', T.GETADDR, ASK, ifaddr(AF.INET6, 128, LO), local('2001:db8::99'));
  await talk.ask('one without an address', T.GETADDR, ASK, ifaddr(AF.INET6, 128, LO));
  await talk.ask('short', T.GETADDR, ASK, Uint8Array.of(AF.INET6));
  const drop = (what: string, length: number, index: number, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(`delete ${what}`, T.DELADDR, ASK, ifaddr(AF.INET6, length, index), ...parts)
  );
  await drop('none', 128, LO, local('2001:db8::99'));
  await drop('by another prefix', 64, LO, local('2001:db8::1'));
  await drop('prefix 129', 129, LO, local('2001:db8::1'));
  await drop('of no device', 128, 99, local('2001:db8::1'));
  await drop('nothing', 128, LO);
  await drop('one', 128, LO, local('2001:db8::1'));
  await drop('twice', 128, LO, local('2001:db8::1'));
  await talk.ask('what is left', T.GETADDR, F.REQUEST | F.DUMP, ifaddr(AF.INET6, 0, 0));
});

const routes = program('netlink-routes', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const head = (length: number, more: Partial<RouteHead> = {}): Uint8Array => (
    rtmsg({ family: AF.INET, length, table: MAIN, protocol: BOOT, scope: LINK, type: UNICAST, ...more })
  );
  const to = (text: string): Uint8Array => attribute(RTA.DST, ip4(text));
  const out = attribute(RTA.OIF, u32(LO));
  const add = (what: string, flags: number, ...parts: Uint8Array[]): Promise<void> => talk.ask(`add ${what}`, T.NEWROUTE, flags, ...parts);
  await add('one', MAKE, head(8), to('10.0.0.0'), out);
  await add('it again', MAKE, head(8), to('10.0.0.0'), out);
  await add('it again, creating', ASK | F.CREATE, head(8), to('10.0.0.0'), out);
  await add('it again, appending', ASK | F.CREATE | F.APPEND, head(8), to('10.0.0.0'), out);
  await add('it again, replacing', ASK | F.CREATE | F.REPLACE, head(8), to('10.0.0.0'), out);
  await add('another of its metric, appending', ASK | F.CREATE | F.APPEND, head(8, { protocol: 4 }), to('10.0.0.0'), out);
  await add('another of its metric in front', ASK | F.CREATE, head(8, { protocol: 99 }), to('10.0.0.0'), out);
  await add('another of its metric, replacing', ASK | F.REPLACE, head(8, { type: BLACKHOLE, scope: 0 }), to('10.0.0.0'));
  await add('one that is there, replacing', ASK | F.REPLACE, head(8), to('10.0.0.0'), out);
  await add('one of another metric', MAKE, head(8), to('10.0.0.0'), out, attribute(RTA.PRIORITY, u32(50)));
  await add('a longer one', MAKE, head(16), to('10.0.0.0'), out);
  await add('without NLM_F_CREATE', ASK, head(8), to('11.0.0.0'), out);
  await add('replacing none', ASK | F.REPLACE, head(8), to('11.0.0.0'), out);
  await add('bits behind the prefix', MAKE, head(8), to('11.1.0.0'), out);
  await add('prefix 33', MAKE, head(33), to('11.0.0.0'), out);
  await add('an unreachable gateway', MAKE, head(8, { scope: 0 }), to('11.0.0.0'), attribute(RTA.GATEWAY, ip4('99.0.0.1')));
  await add('a gateway of two bytes', MAKE, head(8, { scope: 0 }), to('11.0.0.0'), attribute(RTA.GATEWAY, room(2)));
  await add('no such device', MAKE, head(8), to('11.0.0.0'), attribute(RTA.OIF, u32(77)));
  await add('neither gateway nor device', MAKE, head(8), to('11.0.0.0'));
  await add('a source of nobody', MAKE, head(8), to('11.0.0.0'), out, attribute(RTA.PREFSRC, ip4('9.9.9.9')));
  await add('a source', MAKE, head(8), to('12.0.0.0'), out, attribute(RTA.PREFSRC, ip4('127.0.0.1')));
  await add('no type', MAKE, head(8, { type: 0 }), to('11.0.0.0'), out);
  await add('type 12', MAKE, head(8, { type: 12 }), to('11.0.0.0'), out);
  await add('scope 255', MAKE, head(8, { scope: 255 }), to('11.0.0.0'), out);
  await add('a type of service with ECN', MAKE, head(8, { tos: 3 }), to('11.0.0.0'), out);
  await add('a blackhole with a device', MAKE, head(8, { type: BLACKHOLE }), to('11.0.0.0'), out);
  await add('a blackhole', MAKE, head(8, { type: BLACKHOLE, scope: 0 }), to('13.0.0.0'));
  await add('an unreachable one', MAKE, head(8, { type: UNREACHABLE, scope: 0 }), to('14.0.0.0'));
  await add('a prohibiting one', MAKE, head(8, { type: PROHIBIT, scope: 0 }), to('15.0.0.0'), attribute(RTA.PRIORITY, u32(7)));
  await add('a default route', MAKE, head(0, { scope: LINK }), out);
  await add('a short destination', MAKE, head(8), attribute(RTA.DST, room(3)), out);
  await add('short', MAKE, Uint8Array.of(AF.INET, 8, 0, 0));
  await talk.ask('add short, IPv6', T.NEWROUTE, MAKE, Uint8Array.of(AF.INET6, 8, 0, 0));
  await add('another family', MAKE, rtmsg({ family: 9, length: 8, table: MAIN, type: UNICAST }), to('11.0.0.0'), out);
  await talk.ask('all of them', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET }));
  const drop = (what: string, ...parts: Uint8Array[]): Promise<void> => talk.ask(`delete ${what}`, T.DELROUTE, ASK, ...parts);
  const any = (length: number, more: Partial<RouteHead> = {}): Uint8Array => rtmsg({ family: AF.INET, length, table: MAIN, scope: 255, ...more });
  await drop('none', any(8), to('99.0.0.0'));
  await drop('by another metric', any(8), to('10.0.0.0'), attribute(RTA.PRIORITY, u32(51)));
  await drop('by another gateway', any(8), to('10.0.0.0'), attribute(RTA.GATEWAY, ip4('1.2.3.4')));
  await drop('by another protocol', any(16, { protocol: 77 }), to('10.0.0.0'));
  await drop('by another scope', any(16, { scope: 0 }), to('10.0.0.0'));
  await drop('by another type', any(16, { type: PROHIBIT }), to('10.0.0.0'));
  await drop('of a table that is not there', any(8, { table: 77 }), to('10.0.0.0'));
  await drop('bits behind the prefix', any(8), to('10.1.0.0'));
  await drop('prefix 33', any(33), to('10.0.0.0'));
  await drop('of no device', any(8), to('10.0.0.0'), attribute(RTA.OIF, u32(77)));
  await drop('by its metric', any(8), to('10.0.0.0'), attribute(RTA.PRIORITY, u32(50)));
  await drop('by its type', any(8, { type: PROHIBIT }), to('15.0.0.0'));
  await drop('the first', any(8), to('10.0.0.0'));
  await drop('the default route', any(0));
  await talk.ask('what is left', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET }));
});

const routes6 = program('netlink-routes6', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const head = (length: number, more: Partial<RouteHead> = {}): Uint8Array => (
    rtmsg({ family: AF.INET6, length, table: MAIN, protocol: BOOT, type: UNICAST, ...more })
  );
  const to = (text: string): Uint8Array => attribute(RTA.DST, ip6(text));
  const out = attribute(RTA.OIF, u32(LO));
  const add = (what: string, flags: number, ...parts: Uint8Array[]): Promise<void> => talk.ask(`add ${what}`, T.NEWROUTE, flags, ...parts);
  await add('one', MAKE, head(64), to('2001::'), out);
  await add('it again', MAKE, head(64), to('2001::'), out);
  await add('it again, replacing', ASK | F.CREATE | F.REPLACE, head(64), to('2001::'), out);
  await add('bits behind the prefix', MAKE, head(32), to('2002::5'), out);
  await add('another metric', MAKE, head(64), to('2001::'), out, attribute(RTA.PRIORITY, u32(50)));
  await add('without NLM_F_CREATE', ASK, head(64), to('2003::'), out);
  await add('replacing none', ASK | F.REPLACE, head(64), to('2004::'), out);
  await add('prefix 129', MAKE, head(129), to('2004::'), out);
  await add('a destination of four bytes', MAKE, head(64), attribute(RTA.DST, room(4)), out);
  await add('an unreachable gateway', MAKE, head(64), to('2004::'), attribute(RTA.GATEWAY, ip6('3000::1')));
  await add('a gateway of the link without a device', MAKE, head(64), to('2004::'), attribute(RTA.GATEWAY, ip6('fe80::1')));
  await add('a gateway of our own', MAKE, head(64), to('2004::'), attribute(RTA.GATEWAY, ip6('::1')), out);
  await add('a group for a gateway', MAKE, head(64), to('2004::'), attribute(RTA.GATEWAY, ip6('ff02::1')), out);
  await add('no such device', MAKE, head(64), to('2004::'), attribute(RTA.OIF, u32(77)));
  await add('neither gateway nor device', MAKE, head(64), to('2004::'));
  await add('a source of nobody', MAKE, head(64), to('2004::'), out, attribute(RTA.PREFSRC, ip6('9::9')));
  await add('a blackhole', MAKE, head(64, { type: BLACKHOLE }), to('2005::'));
  await add('an unreachable one', MAKE, head(64, { type: UNREACHABLE }), to('2006::'));
  await add('a default route', MAKE, head(0), out);
  await talk.ask('all of them', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET6 }));
  const drop = (what: string, ...parts: Uint8Array[]): Promise<void> => talk.ask(`delete ${what}`, T.DELROUTE, ASK, ...parts);
  const any = (length: number, more: Partial<RouteHead> = {}): Uint8Array => rtmsg({ family: AF.INET6, length, table: MAIN, scope: 255, ...more });
  await drop('none', any(64), to('2099::'));
  await drop('by another metric', any(64), to('2001::'), attribute(RTA.PRIORITY, u32(51)));
  await drop('of a table that is not there', any(64, { table: 77 }), to('2001::'));
  await drop('prefix 129', any(129), to('2001::'));
  await drop('one', any(64), to('2001::'));
  await drop('the other', any(64), to('2001::'));
  await drop('twice', any(64), to('2001::'));
  await drop('the default route', any(0));
  await talk.ask('what is left', T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: AF.INET6 }));
});

const lookups = program('netlink-lookups', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const get = (what: string, more: Partial<RouteHead>, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(what, T.GETROUTE, F.REQUEST, rtmsg({ family: AF.INET, length: 32, ...more }), ...parts)
  );
  const to = (text: string): Uint8Array => attribute(RTA.DST, ip4(text));
  const from = (text: string): Uint8Array => attribute(RTA.SRC, ip4(text));
  const out = attribute(RTA.OIF, u32(LO));
  await get('loopback', {}, to('127.0.0.1'));
  await get('another of loopback', {}, to('127.0.0.9'));
  await get('its broadcast address', {}, to('127.255.255.255'));
  await get('with a source', { sourceLength: 32 }, to('127.0.0.1'), from('127.0.0.1'));
  await get('with a source of nobody', { sourceLength: 32 }, to('127.0.0.1'), from('9.9.9.9'));
  await get('nowhere', {}, to('8.8.8.8'));
  await get('no destination', {});
  await get('a device', {}, to('127.0.0.1'), out);
  await get('no such device', {}, to('127.0.0.1'), attribute(RTA.OIF, u32(77)));
  await get('the route itself', { flags: 0x2000 }, to('127.0.0.1'));
  await get('the route itself, nowhere', { flags: 0x2000 }, to('8.8.8.8'));
  await get('a short destination', {}, attribute(RTA.DST, room(2)));
  await talk.ask('short', T.GETROUTE, F.REQUEST, Uint8Array.of(AF.INET, 32, 0));
  const made = rtmsg({ family: AF.INET, length: 8, table: MAIN, protocol: BOOT, scope: LINK, type: UNICAST });
  await talk.ask('add', T.NEWROUTE, MAKE, made, to('10.0.0.0'), out, attribute(RTA.PREFSRC, ip4('127.0.0.1')));
  await talk.ask('add', T.NEWROUTE, MAKE, rtmsg({ family: AF.INET, length: 16, table: MAIN, protocol: BOOT, type: UNREACHABLE }), to('10.9.0.0'));
  await talk.ask('add', T.NEWROUTE, MAKE, rtmsg({ family: AF.INET, length: 16, table: MAIN, protocol: BOOT, type: PROHIBIT }), to('10.8.0.0'));
  await talk.ask('add', T.NEWROUTE, MAKE, rtmsg({ family: AF.INET, length: 16, table: MAIN, protocol: BOOT, type: BLACKHOLE }), to('10.7.0.0'));
  await get('by a route', {}, to('10.1.2.3'));
  await get('that route', { flags: 0x2000 }, to('10.1.2.3'));
  for (const text of ['10.9.0.1', '10.8.0.1', '10.7.0.1']) await get(`refused ${text}`, {}, to(text));
  const get6 = (what: string, ...parts: Uint8Array[]): Promise<void> => (
    talk.ask(what, T.GETROUTE, F.REQUEST, rtmsg({ family: AF.INET6, length: 128 }), ...parts)
  );
  await get6('IPv6 loopback', attribute(RTA.DST, ip6('::1')));
  await get6('IPv6 nowhere', attribute(RTA.DST, ip6('2009::1')));
  await get6('IPv6, no such device', attribute(RTA.DST, ip6('::1')), attribute(RTA.OIF, u32(77)));
  await talk.ask('short', T.GETROUTE, F.REQUEST, Uint8Array.of(AF.INET6, 128, 0));
});

const links = program('netlink-links', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const get = (what: string, index: number, ...parts: Uint8Array[]): Promise<void> => talk.ask(what, T.GETLINK, ASK, ifinfo(index), ...parts);
  await get('by number', LO);
  await get('by name', 0, attribute(3, name('lo')));
  await get('by both', LO, attribute(3, name('nobody')));
  await get('nobody', 0, attribute(3, name('nobody')));
  await get('nothing', 0);
  await get('number 99', 99);
  await get('number -4', -4);
  await get('a long name', 0, attribute(3, name('a-name-of-seventeen')));
  await get('a name of 15', 0, attribute(3, name('a-name-of-15-ch')));
  const set = (what: string, type: number, flags: number, head: Uint8Array, ...parts: Uint8Array[]): Promise<void> => talk.ask(what, type, flags, head, ...parts);
  for (const mtu of [1000, 68, 65536, 100000, 1280, 1500]) await set(`MTU ${mtu}`, T.SETLINK, ASK, ifinfo(LO), attribute(4, u32(mtu)));
  await set('MTU -1', T.SETLINK, ASK, ifinfo(LO), attribute(4, u32(-1)));
  await set('a short MTU', T.SETLINK, ASK, ifinfo(LO), attribute(4, room(2)));
  await set('no such device', T.SETLINK, ASK, ifinfo(44), attribute(4, u32(1500)));
  await set('no device', T.SETLINK, ASK, ifinfo(0), attribute(4, u32(1500)));
  await set('by name', T.SETLINK, ASK, ifinfo(0), attribute(3, name('lo')), attribute(4, u32(1501)));
  await set('no name', T.SETLINK, ASK, ifinfo(0), attribute(3, name('nobody')), attribute(4, u32(1501)));
  await set('NEWLINK', T.NEWLINK, ASK, ifinfo(LO, 1, 1), attribute(4, u32(1502)));
  await set('NEWLINK, exclusive', T.NEWLINK, MAKE, ifinfo(LO, 1, 1), attribute(4, u32(1503)));
  await set('NEWLINK, replacing', T.NEWLINK, ASK | F.REPLACE, ifinfo(LO, 1, 1), attribute(4, u32(1503)));
  await set('NEWLINK, no such device', T.NEWLINK, ASK, ifinfo(77), attribute(4, u32(1503)));
  await set('NEWLINK, creating by number', T.NEWLINK, ASK | F.CREATE, ifinfo(77), attribute(4, u32(1503)));
  await set('NEWLINK, creating of no kind', T.NEWLINK, MAKE, ifinfo(0), attribute(3, name('d0')));
  await set('NEWLINK, creating of a kind that is not there', T.NEWLINK, MAKE, ifinfo(0), attribute(3, name('d0')), attribute(18, attribute(1, name('nosuchkind'))));
  await set('DELLINK of loopback', T.DELLINK, ASK, ifinfo(LO));
  await set('DELLINK of nobody', T.DELLINK, ASK, ifinfo(71));
  await set('DELLINK without a device', T.DELLINK, ASK, ifinfo(0));
  await get('in the end', LO);
});

const neighbours = program('netlink-neighbours', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const to = (text: string): Uint8Array => attribute(1, ip6(text));
  const mac = (last: number): Uint8Array => attribute(2, Uint8Array.of(2, 0, 0, 0, 0, last));
  const add = (what: string, flags: number, ...parts: Uint8Array[]): Promise<void> => talk.ask(`add ${what}`, T.NEWNEIGH, flags, ...parts);
  const get = (what: string, ...parts: Uint8Array[]): Promise<void> => talk.ask(`get ${what}`, T.GETNEIGH, F.REQUEST, ...parts);
  const PERMANENT = 0x80, STALE = 4, REACHABLE = 2, NOARP = 0x40;
  await add('nobody', MAKE, ndmsg(AF.INET6, LO, PERMANENT), mac(1));
  await add('on no device', MAKE, ndmsg(AF.INET6, 0, PERMANENT), to('2001::1'), mac(1));
  await add('on a device that is not there', MAKE, ndmsg(AF.INET6, 77, PERMANENT), to('2001::1'), mac(1));
  await add('with a short hardware address', MAKE, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), attribute(2, room(3)));
  await add('with a short address', MAKE, ndmsg(AF.INET6, LO, PERMANENT), attribute(1, room(3)), mac(1));
  await add('of another family', MAKE, ndmsg(9, LO, PERMANENT), to('2001::1'), mac(1));
  await add('without NLM_F_CREATE', ASK, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), mac(1));
  await add('short', MAKE, Uint8Array.of(AF.INET6, 0, 0, 0));
  await add('one', MAKE, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), mac(1));
  await get('it', ndmsg(AF.INET6, LO, 0), to('2001::1'));
  await add('it again', MAKE, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), mac(1));
  await add('it with another hardware address', ASK, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), mac(2));
  await get('it', ndmsg(AF.INET6, LO, 0), to('2001::1'));
  await add('it, replacing', ASK | F.REPLACE, ndmsg(AF.INET6, LO, PERMANENT), to('2001::1'), mac(3));
  await get('it', ndmsg(AF.INET6, LO, 0), to('2001::1'));
  for (const state of [STALE, REACHABLE, NOARP, 0, 0x20]) {
    await add(`in state ${state}`, MAKE, ndmsg(AF.INET6, LO, state), to(`2002::${state}`), mac(9));
    await get(`in state ${state}`, ndmsg(AF.INET6, LO, 0), to(`2002::${state}`));
    await add(`it becomes permanent from ${state}`, ASK | F.REPLACE, ndmsg(AF.INET6, LO, PERMANENT), to(`2002::${state}`), mac(8));
    await get(`from ${state}`, ndmsg(AF.INET6, LO, 0), to(`2002::${state}`));
  }
  await add('a router', MAKE, ndmsg(AF.INET6, LO, PERMANENT, 0x80), to('2003::1'), mac(4));
  await get('the router', ndmsg(AF.INET6, LO, 0), to('2003::1'));
  await get('nobody', ndmsg(AF.INET6, LO, 0));
  await get('one that is not there', ndmsg(AF.INET6, LO, 0), to('2001::99'));
  await get('on no device', ndmsg(AF.INET6, 0, 0), to('2001::1'));
  await get('on a device that is not there', ndmsg(AF.INET6, 77, 0), to('2001::1'));
  await get('with a state', ndmsg(AF.INET6, LO, 4), to('2001::1'));
  await get('with a type', ndmsg(AF.INET6, LO, 0, 0, 1), to('2001::1'));
  await get('with a flag', ndmsg(AF.INET6, LO, 0, 0x80), to('2001::1'));
  await get('of another family', ndmsg(9, LO, 0), to('2001::1'));
  await get('short', Uint8Array.of(AF.INET6, 0));
  await get('with a short address', ndmsg(AF.INET6, LO, 0), attribute(1, room(3)));
  const drop = (what: string, ...parts: Uint8Array[]): Promise<void> => talk.ask(`delete ${what}`, T.DELNEIGH, ASK, ...parts);
  await drop('nobody', ndmsg(AF.INET6, LO, 0));
  await drop('one that is not there', ndmsg(AF.INET6, LO, 0), to('2001::99'));
  await drop('on no device', ndmsg(AF.INET6, 0, 0), to('2001::1'));
  await drop('on a device that is not there', ndmsg(AF.INET6, 77, 0), to('2001::1'));
  await drop('of another family', ndmsg(9, LO, 0), to('2001::1'));
  await drop('with a short address', ndmsg(AF.INET6, LO, 0), attribute(1, room(3)));
  await drop('short', Uint8Array.of(AF.INET6, 0));
  await drop('one', ndmsg(AF.INET6, LO, 0), to('2001::1'));
  await drop('twice', ndmsg(AF.INET6, LO, 0), to('2001::1'));
  for (const word of ['2002::4', '2002::2', '2002::40', '2002::0', '2002::20', '2003::1', '2002::32', '2002::64']) await drop(word, ndmsg(AF.INET6, LO, 0), to(word));
  await talk.ask('what is left', T.GETNEIGH, F.REQUEST | F.DUMP, ndmsg(AF.INET6, 0, 0));
});

const listening = program('netlink-groups', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const talk = await Talk.open(env, p, 400);
  const all = await Talk.open(env, q, 500, [11], LINKS | NEIGHBOURS | ADDRESSES | ROUTES);
  const some = await Talk.open(env, q, 501, [11], 0x10);
  const hear = async (what: string): Promise<void> => {
    await all.hear(`${what}, all`);
    await some.hear(`${what}, some`);
  };
  await talk.ask('add', T.NEWADDR, MAKE, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  await hear('an address');
  await talk.ask('add twice', T.NEWADDR, MAKE, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  await hear('a refused one');
  await talk.ask('delete', T.DELADDR, ASK, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  await hear('it goes');
  const head: RouteHead = { family: AF.INET, length: 8, table: MAIN, protocol: BOOT, scope: LINK, type: UNICAST };
  const route = (...parts: Uint8Array[]): Uint8Array => joined(attribute(RTA.DST, ip4('10.0.0.0')), attribute(RTA.OIF, u32(LO)), ...parts);
  await talk.ask('add', T.NEWROUTE, MAKE, rtmsg(head), route());
  await hear('a route');
  await talk.ask('replace', T.NEWROUTE, ASK | F.REPLACE, rtmsg({ ...head, protocol: 4 }), route());
  await hear('another instead');
  await talk.ask('append', T.NEWROUTE, ASK | F.CREATE | F.APPEND, rtmsg({ ...head, protocol: 5 }), route());
  await hear('one behind');
  await talk.ask('prepend', T.NEWROUTE, ASK | F.CREATE, rtmsg({ ...head, protocol: 6 }), route());
  await hear('one in front');
  for (let i = 0; i < 3; i++) {
    await talk.ask('delete', T.DELROUTE, ASK, rtmsg({ family: AF.INET, length: 8, table: MAIN, scope: 255 }), attribute(RTA.DST, ip4('10.0.0.0')));
    await hear(`route ${i} goes`);
  }
  const head6: RouteHead = { family: AF.INET6, length: 64, table: MAIN, protocol: BOOT, type: UNICAST };
  await talk.ask('add', T.NEWROUTE, MAKE, rtmsg(head6), attribute(RTA.DST, ip6('2001::')), attribute(RTA.OIF, u32(LO)));
  await hear('a route of IPv6');
  await talk.ask('delete', T.DELROUTE, ASK, rtmsg({ ...head6, protocol: 0, type: 0 }), attribute(RTA.DST, ip6('2001::')));
  await hear('it goes');
  await talk.ask('add', T.NEWNEIGH, MAKE, ndmsg(AF.INET6, LO, 0x80), attribute(1, ip6('2001::1')), attribute(2, Uint8Array.of(2, 0, 0, 0, 0, 1)));
  await hear('a neighbour');
  await talk.ask('replace', T.NEWNEIGH, ASK | F.REPLACE, ndmsg(AF.INET6, LO, 0x80), attribute(1, ip6('2001::1')), attribute(2, Uint8Array.of(2, 0, 0, 0, 0, 2)));
  await hear('another hardware address');
  await talk.ask('delete', T.DELNEIGH, ASK, ndmsg(AF.INET6, LO, 0), attribute(1, ip6('2001::1')));
  await hear('it goes');
  await talk.ask('an MTU', T.SETLINK, ASK, ifinfo(LO), attribute(4, u32(9000)));
  await hear('a link');
  await talk.ask('the same MTU', T.SETLINK, ASK, ifinfo(LO), attribute(4, u32(9000)));
  await hear('a link that stays as it is');
});

const among = program('netlink-among-programs', async (env) => {
  const p = await env.process();
  const open = async (port: number, groups = 0, protocol = 0): Promise<number> => {
    const fd = await p.socket(AF.NETLINK, SOCK.RAW, protocol);
    await p.bind(fd, nl(port, groups));
    return fd;
  };
  const one = await open(601, 0x20);
  const two = await open(602, 0x30);
  const three = await open(603, 0x10);
  for (const fd of [one, two, three]) await p.setsockopt(fd, NETLINK, PKTINFO, ints(1));
  const hear = async (): Promise<void> => {
    for (const fd of [one, two, three]) await env.attempt(p.recvmsg(fd, [room(64)], MSG.DONTWAIT, 32, 64));
  };
  const quiet = message(20, 0, 1, pattern(8));
  await p.sendto(one, quiet, 0, nl(602));
  await hear();
  await p.sendto(one, quiet, 0, nl(0, 0x20));
  await hear();
  await p.sendto(one, quiet, 0, nl(0, 0x30));
  await hear();
  await p.sendto(one, quiet, 0, nl(602, 0x20));
  await hear();
  await env.attempt(p.sendto(one, quiet, 0, nl(999, 0x20)));
  await hear();
  await p.setsockopt(two, SOL.SOCKET, SO.PASSCRED, ints(1));
  await p.sendto(one, message(T.GETLINK, 0, 1, ifinfo(LO)), 0, nl(602));
  const got = await silently(p).recvmsg(two, [room(64)], MSG.DONTWAIT, 32, 128);
  env.note('control data', got.control.length);
  await p.send(two, message(T.GETLINK, ASK, 9, ifinfo(99)), 0);
  await p.recvmsg(two, [room(100)], MSG.DONTWAIT, 32, 128);
  for (const length of [0, 10]) {
    await p.sendto(one, quiet, 0, nl(602));
    await p.recvmsg(two, [room(64)], MSG.DONTWAIT, 5, length);
  }
  // The queue, looked at and cut.
  await p.sendto(one, pattern(50), 0, nl(603));
  await p.sendto(one, pattern(20), 0, nl(603));
  await p.recv(three, room(10), MSG.PEEK | MSG.DONTWAIT);
  await p.recv(three, room(10), MSG.PEEK | MSG.TRUNC | MSG.DONTWAIT);
  await p.recv(three, room(10), MSG.TRUNC | MSG.DONTWAIT);
  await state(p, three);
  await p.read(three, room(30));
  await state(p, three);
  const users = await open(601, 1, 2);
  const others = await open(602, 3, 2);
  await p.sendto(users, quiet, 0, nl(602));
  await p.recvmsg(others, [room(64)], MSG.DONTWAIT, 32, 0);
  await env.attempt(p.send(users, quiet, 0));
  await env.attempt(p.sendto(users, quiet, 0, nl(0, 2)));
  await env.attempt(p.recvmsg(others, [room(64)], MSG.DONTWAIT, 32, 0));
  await env.attempt(p.setsockopt(users, NETLINK, 1, ints(33)));
});

const overrun = program('netlink-overrun', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(fd, nl(700));
  await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(1));
  await p.getsockopt(fd, SOL.SOCKET, SO.RCVBUF, 4);
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await quiet.send(fd, message(T.GETLINK, ASK, i, ifinfo(99)), 0);
  };
  await fill();
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.recv(fd, room(100), MSG.DONTWAIT));
  await state(p, fd);
  // What came in time is there, and then nothing is lost again.
  const drain = async (): Promise<string> => {
    for (;;) {
      try {
        await quiet.recv(fd, room(100), MSG.DONTWAIT);
      } catch (error) {
        return (error as { code: string }).code;
      }
    }
  };
  env.note('after the rest', await drain());
  await p.send(fd, message(T.GETLINK, ASK, 77, ifinfo(99)), 0);
  await p.recv(fd, room(100), MSG.DONTWAIT);
  await fill();
  await env.attempt(p.recv(fd, room(100), MSG.DONTWAIT));
  await env.attempt(p.recv(fd, room(0), MSG.DONTWAIT));
  env.note('after the rest', await drain());
  await p.setsockopt(fd, NETLINK, NO_ENOBUFS, ints(1));
  await fill();
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  env.note('in the end', await drain());
  // A program that finds another's queue full waits, or does not want to.
  const other = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(other, nl(701));
  let code = '';
  for (let i = 0; i < 50 && code === ''; i++) {
    await quiet.sendto(other, pattern(100), MSG.DONTWAIT, nl(700)).catch((error: unknown) => code = (error as { code: string }).code);
  }
  env.note('a full queue', code);
  await env.attempt(p.sendto(other, pattern(100), MSG.DONTWAIT, nl(700)));
  const waiting = env.begin(p.sendto(other, pattern(100), 0, nl(700)));
  await env.settle();
  // It goes on as soon as half of the queue is free: whether what it sends comes before the last of these, nobody can say.
  await drain();
  await waiting;
  env.note('and then', await drain());
  // Into an empty queue everything goes.
  for (let i = 0; i < 2; i++) await env.attempt(p.sendto(other, pattern(4000), MSG.DONTWAIT, nl(700)));
  env.note('a large one', await drain());
  await p.setsockopt(other, SOL.SOCKET, SO.SNDBUF, ints(1));
  await p.getsockopt(other, SOL.SOCKET, SO.SNDBUF, 4);
  for (const length of [4576, 4577, 5000]) await env.attempt(p.sendto(other, room(length), MSG.DONTWAIT, nl(0)));
});

const blocking = program('netlink-blocking', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(fd, nl(800, 0x10));
  const receiving = env.begin(p.recv(fd, room(4), MSG.TRUNC));
  await env.settle();
  const talk = await Talk.open(env, q, 801);
  await talk.ask('add', T.NEWADDR, MAKE, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  env.note('something came', (await receiving) > 0);
  const polling = env.begin(p.poll([{ fd, events: POLL.IN }], 5000));
  await env.settle();
  await talk.ask('delete', T.DELADDR, ASK, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  await polling;
  await wait(p, fd, POLL.IN);
});

const turning = program('netlink-down-and-up', async (env) => {
  const p = await env.process();
  const talk = await Talk.open(env, p, 400);
  const other = await Talk.open(env, p, 500, [11], LINKS | ADDRESSES);
  const show = async (when: string): Promise<void> => {
    await other.hear(`${when}: who listens`);
    await talk.ask(`${when}: link`, T.GETLINK, ASK, ifinfo(LO));
    await talk.ask(`${when}: addresses`, T.GETADDR, F.REQUEST | F.DUMP, ifaddr(0, 0, 0));
    await talk.ask(`${when}: routes`, T.GETROUTE, F.REQUEST | F.DUMP, rtmsg({ family: 0 }));
  };
  await talk.ask('an address', T.NEWADDR, MAKE, ifaddr(AF.INET, 32, LO), attribute(IFA.LOCAL, ip4('10.7.0.1')));
  const to = rtmsg({ family: AF.INET, length: 8, table: MAIN, protocol: BOOT, scope: LINK, type: UNICAST });
  await talk.ask('a route', T.NEWROUTE, MAKE, to, attribute(RTA.DST, ip4('10.0.0.0')), attribute(RTA.OIF, u32(LO)));
  await show('at first');
  await talk.ask('down', T.SETLINK, ASK, ifinfo(LO, 0, 1));
  await show('down');
  await talk.ask('down again', T.SETLINK, ASK, ifinfo(LO, 0, 1));
  await show('down again');
  await talk.ask('a route', T.NEWROUTE, MAKE, to, attribute(RTA.DST, ip4('10.0.0.0')), attribute(RTA.OIF, u32(LO)));
  await talk.ask('up', T.SETLINK, ASK, ifinfo(LO, 1, 1));
  await show('up');
  await talk.ask('flags without a mask', T.SETLINK, ASK, ifinfo(LO, 0x49));
  await show('as before');
});

export const programs: readonly Program[] = [
  addresses, addresses6, routes, routes6, lookups, links, neighbours, listening, among, overrun, blocking, turning,
];
