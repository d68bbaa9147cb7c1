/** Frames that an attacker on the same cable sends from a packet socket: of any sender, to any receiver. For floods and limits. */
import { SeededRandom } from '../../src/base/random.ts';
import { inet_pton } from '../../src/base/inet-address.ts';
import type { Process } from '../../src/api/posix/process.ts';
import { readSockaddr } from '../../src/api/posix/sockaddr.ts';
import { AF } from '../../src/socket/constants.ts';
import { put16, put32 } from '../fuzz/frame-layout.ts';
import { seed } from '../results.ts';

export const ATTACKER = [10, 0, 1, 1], VICTIM = [10, 0, 1, 2];
export const PROTOCOL = { ICMP: 1, IGMP: 2, TCP: 6, UDP: 17, FRAGMENT: 44, ICMPV6: 58 } as const;
export const FLAG = { SYN: 2, RST: 4, ACK: 16 } as const;
/** The one that the victim has joined. */
export const GROUP = [239, 1, 2, 3];
export const OPEN = 80, DATAGRAMS = 99, CLOSED = 1;

/** What a frame is made from. */
export class Attack {
  private readonly random: SeededRandom;
  /** IPv6 addresses of both sides, of the network that they share; where the connection stands. */
  readonly victim6: Uint8Array;
  readonly attacker6: Uint8Array;
  readonly port: number;
  readonly seq: number;
  readonly ack: number;

  constructor(fields: { victim6: Uint8Array; attacker6: Uint8Array; port: number; seq: number; ack: number }) {
    this.random = new SeededRandom(`${seed}`);
    ({ victim6: this.victim6, attacker6: this.attacker6, port: this.port, seq: this.seq, ack: this.ack } = fields);
  }

  below(n: number): number {
    return (this.random.int32() >>> 0) % n;
  }

  /** A neighbour that does not exist. */
  get neighbour(): number[] {
    return [10, 0, 1, 3 + this.below(250)];
  }

  get neighbour6(): Uint8Array {
    const address = this.victim6.slice();
    for (let i = 10; i < 16; i++) address[i] = this.below(256);
    return address;
  }

  ipv4(from: readonly number[], to: readonly number[], protocol: number, payload: Uint8Array, fragment = 0): Uint8Array {
    const frame = new Uint8Array(34 + payload.length);
    put16(frame, 12, 0x0800);
    frame[14] = 0x45;
    put16(frame, 16, frame.length - 14);
    put16(frame, 18, this.below(65536));
    put16(frame, 20, fragment);
    frame[22] = protocol === PROTOCOL.IGMP ? 1 : 64;
    frame[23] = protocol;
    frame.set(from, 26);
    frame.set(to, 30);
    frame.set(payload, 34);
    return frame;
  }

  ipv6(from: Uint8Array, to: Uint8Array, next: number, payload: Uint8Array): Uint8Array {
    const frame = new Uint8Array(54 + payload.length);
    put16(frame, 12, 0x86dd);
    frame[14] = 0x60;
    put16(frame, 18, payload.length);
    frame[20] = next;
    frame[21] = 255;
    frame.set(from, 22);
    frame.set(to, 38);
    frame.set(payload, 54);
    return frame;
  }

  udp(to: number, bytes: number): Uint8Array {
    const datagram = new Uint8Array(8 + bytes);
    put16(datagram, 0, 5);
    put16(datagram, 2, to);
    put16(datagram, 4, datagram.length);
    return datagram;
  }

  tcp(from: number, seq: number, ack: number, flags: number, bytes: number): Uint8Array {
    const segment = new Uint8Array(20 + bytes);
    put16(segment, 0, from);
    put16(segment, 2, OPEN);
    put32(segment, 4, seq);
    put32(segment, 8, ack);
    segment[12] = 0x50;
    segment[13] = flags;
    put16(segment, 14, 65535);
    return segment;
  }

  /** An ICMP message of either family. */
  icmp(type: number, code: number, word: number, data: Uint8Array): Uint8Array {
    const message = new Uint8Array(8 + data.length);
    message[0] = type;
    message[1] = code;
    put32(message, 4, word);
    message.set(data, 8);
    return message;
  }

  port16(): number {
    return 1 + this.below(65535);
  }
}

/** An IPv6 address of the host's that is no loopback. */
export async function address6(process: Process): Promise<Uint8Array> {
  const texts = (await process.getifaddrs()).map(({ addr }) => readSockaddr(addr)).filter((each) => each?.family === AF.INET6).map((each) => each?.address as string);
  return inet_pton(AF.INET6, texts.find((text) => text !== '::1') as string) as Uint8Array;
}
