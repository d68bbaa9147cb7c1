/** Netlink messages: what is written is read again, and wrong lengths end what is read. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { attributeText, attributeUint32, NLM_F, NLMSG, NetlinkWriter, readAttributes, readNetlink } from './netlink.ts';

function two(): Uint8Array {
  const writer = new NetlinkWriter();
  writer.begin(18, NLM_F.REQUEST, 7, 400).uint8(2).attributeText(3, 'lo').end();
  writer.begin(20, NLM_F.REQUEST | NLM_F.ACK, 8, 401).uint8(1).uint8(2).uint16(3).attributeUint32(4, 0xfffffffe);
  const nest = writer.beginNest(18);
  writer.attribute(1, Uint8Array.of(9)).endNest(nest).end();
  return writer.take();
}

test('netlink(7): messages and attributes begin on multiples of four, and lengths do not count what fills them up', () => {
  const datagram = two();
  equal(datagram.length % 4, 0);
  const [first, second, ...more] = [...readNetlink(datagram)];
  equal(more.length, 0);
  deepEqual([first?.type, first?.flags, first?.sequence, first?.port], [18, NLM_F.REQUEST, 7, 400]);
  equal(first?.bytes.length, 16 + 1 + 8);
  equal(attributeText(readAttributes(first?.body.subarray(1) ?? new Uint8Array(0)).get(3) ?? new Uint8Array(0)), 'lo');
  const attributes = readAttributes(second?.body.subarray(4) ?? new Uint8Array(0));
  equal(attributeUint32(attributes.get(4) ?? new Uint8Array(0)), 0xfffffffe);
  deepEqual([...readAttributes(attributes.get(18) ?? new Uint8Array(0))], [[1, Uint8Array.of(9)]]);
});

test('the bytes of a writer do not depend on what it wrote before', () => {
  const writer = new NetlinkWriter();
  writer.begin(NLMSG.DONE, 0xffff, 0xffffffff, 0xffffffff).raw(new Uint8Array(2000).fill(255)).end().take();
  const again = writer.begin(NLMSG.DONE, 0, 1, 2).uint32(0).attribute(1, Uint8Array.of(1)).end().take();
  deepEqual(again, new NetlinkWriter().begin(NLMSG.DONE, 0, 1, 2).uint32(0).attribute(1, Uint8Array.of(1)).end().take());
});

test('netlink_rcv_skb: a length below the header or beyond the datagram ends it; so does every cut', () => {
  const datagram = two();
  for (const bad of [0, 15, datagram.length + 1, 0xffffffff]) {
    const copy = datagram.slice();
    new DataView(copy.buffer).setUint32(0, bad, true);
    deepEqual([...readNetlink(copy)], [], `length ${bad}`);
  }
  for (let cut = 0; cut < datagram.length; cut++) {
    const whole = [...readNetlink(datagram.subarray(0, cut))];
    equal(whole.length, cut < 25 ? 0 : 1, `cut at ${cut}`);
  }
});

test('nla_parse_deprecated: from a wrong length on no attribute is read', () => {
  const good = Uint8Array.of(5, 0, 1, 0, 9, 0, 0, 0, 8, 0, 2, 0, 1, 2, 3, 4);
  equal(readAttributes(good).size, 2);
  for (const [at, bad] of [[0, 3], [0, 0], [0, 17], [8, 9]] as const) {
    const copy = good.slice();
    copy[at] = bad;
    equal(readAttributes(copy).size, at === 0 ? 0 : 1, `length ${bad} at ${at}`);
  }
  for (let cut = 0; cut < good.length; cut++) equal(readAttributes(good.subarray(0, cut)).size, cut < 5 ? 0 : 1, `cut at ${cut}`);
});
