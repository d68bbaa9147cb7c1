/** For tests of IGMP: what a host said of its groups, in words, and the messages of others. */
import assert from 'node:assert/strict';
import { finish, fold, sumView } from '../base/checksum.ts';
import { IpAddress } from '../base/inet-address.ts';
import type { Interface } from './interface.ts';
import { ipv4Frame, type Ipv4Fields, type Probe } from './testing.ts';

export interface Said {
  readonly at: number;
  readonly to: string;
  readonly words: readonly string[];
}

function text4(view: DataView, at: number): string {
  return IpAddress.fromV4(view.getInt32(at)).toString();
}

/** IGMP messages among what was sent, in words: `TYPE GROUP SOURCE ...` for each record, `TYPE GROUP` for old versions. */
export function said(t: Probe): Said[] {
  const found: Said[] = [];
  for (const { at, bytes } of t.device.sent.splice(0)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint16(12) !== 0x0800 || bytes[23] !== 2) continue;
    assert.deepEqual([bytes[14], bytes[15], bytes[22], view.getUint32(34)], [0x46, 0xc0, 1, 0x94040000], 'one hop, and a router alert');
    assert.equal(fold(sumView(view, 38, bytes.length, 0)), 0xffff, 'checksum');
    assert.ok(bytes.length <= 1514);
    const words: string[] = [];
    if (bytes[38] !== 0x22) words.push(`${(bytes[38] as number).toString(16)} ${text4(view, 42)}`);
    let next = 46;
    for (let i = bytes[38] === 0x22 ? view.getUint16(44) : 0; i > 0; i--) {
      const sources = Array.from({ length: view.getUint16(next + 2) }, (_, k) => text4(view, next + 8 + 4 * k));
      words.push([bytes[next], text4(view, next + 4), ...sources].join(' '));
      next += 8 + 4 * sources.length;
    }
    if (bytes[38] === 0x22) assert.equal(next, bytes.length, 'the records fill the message');
    found.push({ at, to: text4(view, 30), words });
  }
  return found;
}

export function wordsOf(t: Probe): string[] {
  return said(t).flatMap(({ words }) => words);
}

export function owner(t: Probe): Interface {
  return t.network.interfaceOf(t.device) as Interface;
}

export interface QueryFields {
  readonly group?: string;
  readonly sources?: readonly IpAddress[];
  readonly tenths?: number;
  readonly robustness?: number;
  readonly interval?: number;
  readonly isShort?: boolean;
}

export function igmpFrame(message: Uint8Array, to: string, fields: Ipv4Fields = {}): Uint8Array {
  const view = new DataView(message.buffer);
  view.setUint16(2, 0);
  view.setUint16(2, finish(sumView(view, 0, message.length, 0)));
  const dst = IpAddress.from(to).d;
  return ipv4Frame(message, { dst: to, protocol: 2, ttl: 1, options: [0x94, 4, 0, 0], macHi: 0x0100, macLo: 0x5e000000 | (dst & 0x7fffff), ...fields });
}

export function query({ group, sources = [], tenths = 10, robustness = 2, interval = 125, isShort = false }: QueryFields = {}): Uint8Array {
  const message = new Uint8Array(isShort ? 8 : 12 + 4 * sources.length);
  const view = new DataView(message.buffer);
  message.set([0x11, tenths]);
  if (group !== undefined) view.setInt32(4, IpAddress.from(group).d);
  if (!isShort) {
    message.set([robustness, interval], 8);
    view.setUint16(10, sources.length);
    sources.forEach((source, i) => view.setInt32(12 + 4 * i, source.d));
  }
  return igmpFrame(message, group ?? '224.0.0.1');
}
