import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../../base/inet-address.ts';
import { takePacket } from '../../link/packet.ts';
import { ConnectionTable, NodeKind, type DemuxNode } from './demux.ts';

class Node implements DemuxNode {
  readonly kind = NodeKind.Endpoint;
  nextNode: DemuxNode | null = null;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress | null;
  readonly remotePort: number;
  constructor(local: string, localPort: number, remote: string, remotePort: number) {
    this.localAddress = IpAddress.from(local);
    this.localPort = localPort;
    this.remoteAddress = IpAddress.from(remote);
    this.remotePort = remotePort;
  }
}

function find(table: ConnectionTable, node: Node): DemuxNode | null {
  const p = takePacket();
  const { localAddress: to, remoteAddress: from } = node;
  [p.dstA, p.dstB, p.dstC, p.dstD] = [to.a, to.b, to.c, to.d];
  [p.srcA, p.srcB, p.srcC, p.srcD] = [(from as IpAddress).a, (from as IpAddress).b, (from as IpAddress).c, (from as IpAddress).d];
  const found = table.find(p, node.localPort, node.remotePort);
  p.release();
  return found;
}

test('every connection is found by exactly its own 4-tuple, through growth and removal', () => {
  const table = new ConnectionTable(0x1234567);
  const nodes: Node[] = [];
  for (let i = 0; i < 1000; i++) nodes.push(new Node('192.0.2.1', 80, `198.51.100.${i % 250}`, 1024 + i));
  for (let i = 0; i < 1000; i++) nodes.push(new Node('2001:db8::1', 80, `2001:db8:${i.toString(16)}::9`, 1024));
  for (const node of nodes) table.add(node);
  equal(table.count, 2000);
  for (const node of nodes) equal(find(table, node), node);
  nodes.forEach((node, i) => i % 3 === 0 && table.remove(node));
  nodes.forEach((node, i) => equal(find(table, node), i % 3 === 0 ? null : node));
  equal([...table].length, table.count);
});

test('one part of the 4-tuple that differs is another connection', () => {
  const table = new ConnectionTable(1);
  table.add(new Node('192.0.2.1', 80, '192.0.2.9', 5000));
  const others = [
    new Node('192.0.2.2', 80, '192.0.2.9', 5000), new Node('192.0.2.1', 81, '192.0.2.9', 5000),
    new Node('192.0.2.1', 80, '192.0.2.8', 5000), new Node('192.0.2.1', 80, '192.0.2.9', 5001),
  ];
  deepEqual(others.map((node) => find(table, node)), [null, null, null, null]);
  // Enough neighbours that many meet the connection in its bucket, where only the addresses tell them apart.
  for (let i = 0; i < 1000; i++) {
    equal(find(table, new Node('192.0.2.1', 80, `10.0.${i >> 8}.${i & 255}`, 5000)), null);
    equal(find(table, new Node(`10.0.${i >> 8}.${i & 255}`, 80, '192.0.2.9', 5000)), null);
  }
});

test('removing a connection that is not there changes nothing', () => {
  const table = new ConnectionTable(1);
  const node = new Node('192.0.2.1', 80, '192.0.2.9', 5000);
  table.add(node);
  table.remove(new Node('192.0.2.1', 80, '192.0.2.9', 5000));
  equal(table.count, 1);
  equal(find(table, node), node);
});

test('hash flooding: no choice of words of an IPv6 peer fills one bucket', () => {
  const hex = (word: number): string => (word & 0xffff).toString(16);
  const choices: Record<string, (i: number) => string> = {
    a: (i) => `2001:${hex(i)}::9`,
    b: (i) => `2001:db8:${hex(i)}:1::9`,
    c: (i) => `2001:db8:0:1:${hex(i)}::9`,
    d: (i) => `2001:db8:0:1::${hex(i)}`,
    'b and d alike': (i) => `2001:db8:${hex(i)}:1::${hex(i)}:1`,
    'c and d alike': (i) => `2001:db8::${hex(i)}:0:${hex(i)}:0`,
    'high halves': (i) => `2001:db8::${hex(i << 4)}:${hex(i >> 12)}`,
    'IPv4': (i) => `10.${i >> 8}.${i & 255}.1`,
  };
  for (const salt of [0, 1, 0x1234567, -1, -0x80000000]) {
    for (const [name, peer] of Object.entries(choices)) {
      const table = new ConnectionTable(salt);
      for (let i = 0; i < 4096; i++) table.add(new Node(name === 'IPv4' ? '192.0.2.1' : '2001:db8::1', 80, peer(i), 40000));
      ok(table.longest <= 16, `${name} with salt ${salt}: ${table.longest} in one bucket`);
    }
    const ports = new ConnectionTable(salt);
    for (let i = 0; i < 4096; i++) ports.add(new Node('192.0.2.1', 80, '198.51.100.1', i * 16));
    ok(ports.longest <= 16, `ports with salt ${salt}: ${ports.longest} in one bucket`);
  }
});

test('hash flooding: tuples that meet under one secret do not meet under another', () => {
  const tuples = Array.from({ length: 20000 }, (_, i) => new Node('192.0.2.1', 80, `10.${i >> 8}.${i & 255}.1`, 1024 + (i * 7) % 60000));
  const known = new ConnectionTable(42);
  const meeting = tuples.filter((node) => known.slotOf(node.localAddress, 80, node.remoteAddress as IpAddress, node.remotePort) === 5);
  ok(meeting.length > 200);
  const other = new ConnectionTable(43);
  for (const node of meeting) other.add(node);
  ok(other.longest <= 10, `${other.longest} of ${meeting.length}`);
});
