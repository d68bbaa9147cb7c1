/**
 * Hostile netlink messages into a host: well-formed requests of every kind, with bits, lengths and types changed, cut, doubled
 * and glued together. None throws; every datagram that comes back is whole messages; what the host keeps stays bounded.
 *
 * SOCKSCAPE_FRAMES says how many (npm test: a sample; the long tier: 1,000,000). A failure names the seed and the message.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { Errno } from '../../src/base/errno.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { NetlinkSocket } from '../../src/socket/family/netlink.ts';
import { sockaddrNl } from '../../src/socket/family/netlink-address.ts';
import { NETLINK, NETLINK_PROTOCOL, SOCK, SOL } from '../../src/socket/constants.ts';
import { Received } from '../../src/socket/received.ts';
import { attributeUint32, NLM_F, NLMSG, NLMSG_HDRLEN, NetlinkWriter, readAttributes, readNetlink } from '../../src/wire/netlink.ts';
import { RTM } from '../../src/wire/netlink-route.ts';
import { Draw } from '../tools/packet-bytes.ts';
import { recordResult, seed } from '../results.ts';
import { frameCount } from './failing-frames.ts';

const MESSAGES = frameCount(60_000, 1_000_000);
const TYPES = Object.values(RTM);
/** So often virtual time goes on, for the neighbours that wait. */
const REST_EVERY = 2000;

/** How the requests of a type ended. */
class Tally {
  done = 0;
  refused = 0;
  dumped = 0;
}

/** A request as a program might write it. */
function request(draw: Draw): Uint8Array {
  const writer = new NetlinkWriter();
  const type = draw.pick(TYPES);
  const family = draw.pick([0, 2, 2, 10, 10, 7, 16]);
  const isDump = (type & 3) === 2 && draw.int(0, 2) === 0;
  const make = draw.pick([0, NLM_F.CREATE, NLM_F.CREATE | NLM_F.EXCL, NLM_F.REPLACE, NLM_F.CREATE | NLM_F.REPLACE, NLM_F.CREATE | NLM_F.APPEND]);
  writer.begin(type, NLM_F.REQUEST | (isDump ? NLM_F.DUMP : make) | (draw.int(0, 3) === 0 ? 0 : NLM_F.ACK), draw.int(0, 999), 0);
  const index = draw.pick([0, 1, 1, 2, 2, 2, 3, 99]);
  switch (type & ~3) {
    case RTM.NEWLINK: writer.uint8(family).uint8(0).uint16(0).uint32(index).uint32(draw.int(0, 3)).uint32(draw.int(0, 3)); break;
    case RTM.NEWADDR: writer.uint8(family).uint8(draw.pick([0, 8, 24, 32, 64, 128, 129])).uint8(draw.int(0, 255)).uint8(draw.pick([0, 253, 254])).uint32(index); break;
    case RTM.NEWROUTE:
      writer.uint8(family).uint8(draw.pick([0, 8, 16, 24, 32, 64, 128])).uint8(draw.pick([0, 0, 0, 32])).uint8(draw.pick([0, 0, 0, 16]));
      writer.uint8(draw.pick([0, 254, 254, 255])).uint8(draw.int(0, 5)).uint8(draw.pick([0, 253, 254, 255])).uint8(draw.pick([0, 1, 1, 1, 6, 7, 8]));
      writer.uint32(draw.pick([0, 0, 4, 0x200, 0x1000, 0x2000]));
      break;
    default: writer.uint8(family).uint8(0).uint16(0).uint32(index).uint16(1 << draw.int(0, 7)).uint8(draw.pick([0, 0, 0, 0x80, 0x08, 0xff])).uint8(draw.pick([0, 0, 1]));
  }
  if (draw.int(0, 3) > 0) usual(writer, type & ~3, family, draw);
  for (let n = draw.int(0, 5); n > 0; n--) writer.attribute(draw.int(0, 19), value(draw, family));
  if (draw.int(0, 1) === 0) writer.attributeUint32(4, index);
  return writer.end().take();
}

/** What such a request needs, of the right length. */
function usual(writer: NetlinkWriter, kind: number, family: number, draw: Draw): void {
  const last = draw.int(0, 19);
  const address = family === 10 ? Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last) : Uint8Array.of(10, 0, 0, last);
  if (kind === RTM.NEWADDR) writer.attribute(2, address);
  else if (kind === RTM.NEWNEIGH) writer.attribute(1, address).attribute(2, Uint8Array.of(2, 0, 0, 0, 0, last));
  else if (kind === RTM.NEWROUTE) writer.attribute(1, family === 10 ? address : Uint8Array.of(last, 0, 0, 0));
  else if (draw.chance(0.5)) writer.attributeUint32(4, draw.int(60, 9000));
}

/** An attribute's value: an address of few, a number, a name, anything. */
function value(draw: Draw, family: number): Uint8Array {
  switch (draw.int(0, 5)) {
    case 0: return Uint8Array.of(10, 0, draw.int(0, 2), draw.int(0, 199));
    case 1: return family === 2 ? Uint8Array.of(127, 0, 0, draw.int(0, 3)) : Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, draw.int(0, 2), draw.int(0, 199));
    case 2: return Uint8Array.of(draw.int(0, 255), draw.int(0, 7), 0, 0);
    case 3: return new TextEncoder().encode(draw.pick(['lo\0', 'eth0\0', 'eth0:1\0', 'nobody\0', '']));
    case 4: return Uint8Array.of(2, 0, 0, 0, 0, draw.int(0, 255));
    default: return Uint8Array.from(draw.bytes(draw.int(0, 39)));
  }
}

/** What becomes of it on the way. */
function mutated(draw: Draw, message: Uint8Array): Uint8Array {
  const copy = message.slice();
  switch (draw.int(0, 6)) {
    case 0: return copy;
    case 1:
      copy[draw.int(0, copy.length - 1)] ^= 1 << draw.int(0, 7);
      return copy;
    case 2: return copy.subarray(0, 1 + draw.int(0, copy.length - 1));
    case 3:
      // A length of an attribute or of the message.
      copy[draw.int(0, copy.length >> 2 - 1) * 4] = draw.pick([0, 1, 3, 4, 5, 8, 16, 255]);
      return copy;
    case 4: {
      const other = request(draw);
      const both = new Uint8Array(copy.length + other.length);
      both.set(copy);
      both.set(other, copy.length);
      return both;
    }
    case 5:
      for (let n = draw.int(0, 7); n >= 0; n--) copy[draw.int(0, copy.length - 1)] = draw.int(0, 255);
      return copy;
    default:
      copy[4] = draw.pick(TYPES);
      return copy;
  }
}

test('mutated netlink messages: no exception, whole answers, a bounded host', () => simulate({ seed }, async (world) => {
  const host = world.host('a');
  world.cable(host, world.host('b'), { nameA: 'eth0' });
  const process = new Process(host, 'fuzz');
  const caller = process.core;
  const { netlink } = host.kernel;
  const make = (): NetlinkSocket => new NetlinkSocket(netlink, SOCK.RAW, netlink.protocol(NETLINK_PROTOCOL.ROUTE));
  const asker = make();
  const listener = make();
  equal(listener.bind(sockaddrNl(7, 0x7fffffff), caller), 0);
  const on = Uint8Array.of(1, 0, 0, 0);
  for (const option of [NETLINK.EXT_ACK, NETLINK.PKTINFO]) equal(asker.setLevelOption(SOL.NETLINK, option, on, caller), 0);
  const draw = new Draw(new SeededRandom(`${seed}/netlink`));
  const tallies = new Map(TYPES.map((type) => [type as number, new Tally()]));
  const buffer = new Uint8Array(65536);
  const received = new Received();
  let notified = 0;

  /** Reads all that is there; every datagram is messages from its first byte to its last. */
  const drain = (socket: NetlinkSocket, each: (type: number, body: Uint8Array) => void): void => {
    for (;;) {
      received.reset();
      const count = socket.receive(buffer, 0, buffer.length, 0, received);
      if (count === -Errno.EAGAIN) return;
      if (count === -Errno.ENOBUFS) continue;
      ok(count >= NLMSG_HDRLEN, `received ${count}`);
      let read = 0;
      for (const message of readNetlink(buffer.subarray(0, count))) {
        read += (message.bytes.length + 3) & ~3;
        each(message.type, message.body);
      }
      ok(read === count || read === count + (-count & 3), `${count} bytes, of which ${read} are messages`);
    }
  };

  for (let i = 0; i < MESSAGES; i++) {
    const bytes = mutated(draw, request(draw));
    if (i % 5 === 0) asker.setLevelOption(SOL.NETLINK, NETLINK.GET_STRICT_CHK, draw.int(0, 1) === 0 ? on : new Uint8Array(4), caller);
    try {
      const sent = asker.send(bytes, 0, bytes.length, 0, caller);
      equal(sent, bytes.length);
      drain(asker, (type, body) => {
        if (type !== NLMSG.ERROR) {
          ok(type === NLMSG.DONE || TYPES.includes(type as (typeof TYPES)[number]), `an answer of type ${type}`);
          const dumped = tallies.get(type | 2);
          if (dumped !== undefined) dumped.dumped++;
          return;
        }
        ok(body.length >= 20, `an error of ${body.length} bytes`);
        const asked = tallies.get(attributeUint32(body.subarray(8)) & 0xffff);
        const error = attributeUint32(body) | 0;
        ok(error <= 0 && error > -133, `error ${error}`);
        if (asked === undefined) return;
        if (error === 0) asked.done++;
        else asked.refused++;
      });
      drain(listener, (type, body) => {
        notified++;
        ok(TYPES.includes(type as (typeof TYPES)[number]));
        ok(readAttributes(body.subarray((type & ~3) === RTM.NEWLINK ? 16 : (type & ~3) === RTM.NEWADDR ? 8 : 12)).size > 0);
      });
    } catch (error) {
      throw new Error(`message ${i} of seed ${seed}: ${Buffer.from(bytes).toString('hex')}`, { cause: error });
    }
    if (i % REST_EVERY === REST_EVERY - 1) await world.sleep(1_000_000);
  }

  // All kinds were done and refused, so that no branch was hidden behind a check.
  const least = Math.floor(MESSAGES / 10_000);
  for (const [type, { done, refused, dumped }] of tallies) {
    const isDone = type === RTM.DELLINK ? least : (type & 3) === 2 ? dumped : done;
    ok(isDone >= least, `type ${type}: ${done} done, ${dumped} answered`);
    ok(refused >= least, `type ${type}: ${refused} refused`);
  }
  ok(notified > MESSAGES / 50, `${notified} notifications`);
  ok(host.network.routes().length <= 65536);
  asker.release();
  listener.release();
  equal(host.network.observers.length, 0);
  recordResult('fuzz-netlink', { messages: MESSAGES, notifications: notified, seed });
}));
