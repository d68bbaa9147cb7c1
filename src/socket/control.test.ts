/** Control data as C lays it out on x86-64, and what recvmsg(2) does when there is too little room. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Errno } from '../base/errno.ts';
import { Msg } from '../transport/endpoint.ts';
import { SCM, SOL } from './constants.ts';
import {
  CMSG_ALIGN, CMSG_LEN, CMSG_SPACE, controlData, controlMessage, ControlWriter, credentialsMessage, ints, readControl,
  receivedCredentials, receivedDescriptors, rightsMessage, walkControl,
} from './control.ts';

test('CMSG_LEN counts header and data, CMSG_SPACE the padding too', () => {
  deepEqual([0, 1, 4, 8, 9].map(CMSG_ALIGN), [0, 8, 8, 8, 16]);
  deepEqual([0, 4, 12].map(CMSG_LEN), [16, 20, 28]);
  deepEqual([0, 4, 8, 12].map(CMSG_SPACE), [16, 24, 24, 32]);
});

test('a message is length, level, type, data, padding, little-endian', () => {
  deepEqual([...rightsMessage(7, 0x102)], [24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 2, 1, 0, 0]);
  equal(rightsMessage(7).length, 24);
  equal(credentialsMessage(1, 2, 3).length, 32);
});

test('what was written reads back', () => {
  const bytes = controlData(credentialsMessage(5, 1000, -1), rightsMessage(3, 4), controlMessage(41, 50, Uint8Array.of(9)));
  deepEqual(receivedDescriptors(bytes), [3, 4]);
  deepEqual(receivedCredentials(bytes), { pid: 5, uid: 1000, gid: 0xffffffff });
  deepEqual(readControl(bytes)[2], { level: 41, type: 50, data: Uint8Array.of(9) });
  equal(receivedCredentials(rightsMessage(3)), null);
  deepEqual(readControl(new Uint8Array(15)), []);
});

test('reading ends at a length that is none, and cuts what goes beyond the buffer', () => {
  deepEqual(readControl(new Uint8Array(40)), []);
  deepEqual(receivedDescriptors(rightsMessage(3, 4, 5).subarray(0, 26)), [3, 4]);
});

test('CMSG_OK: every truncation of control data is EINVAL, or holds fewer messages; never an exception', () => {
  const whole = controlData(rightsMessage(3, 4), credentialsMessage(1, 2, 3));
  for (let length = 0; length <= whole.length; length++) {
    let seen = 0;
    const result = walkControl(whole.subarray(0, length), () => seen++);
    // Fewer bytes than a header are no message.
    const expected = length < 16 ? 0 : length < 24 ? -Errno.EINVAL : length < 40 ? 0 : length < 52 ? -Errno.EINVAL : 0;
    equal(result, expected, `${length} bytes`);
    equal(seen, length < 24 ? 0 : length < 52 ? 1 : 2, `${length} bytes`);
  }
  for (const length of [0, 15, 25, 0x7fffffff, 0xffffffff]) {
    const bad = rightsMessage(3, 4);
    new DataView(bad.buffer).setUint32(0, length, true);
    equal(walkControl(bad, () => 0), -Errno.EINVAL, `cmsg_len ${length}`);
  }
});

test('put_cmsg: what does not fit is cut, and MSG_CTRUNC says so', () => {
  const cases: [room: number, used: number, length: number, flags: number][] = [
    [0, 0, 0, Msg.CTRUNC], [15, 0, 0, Msg.CTRUNC], [16, 16, 16, Msg.CTRUNC], [20, 20, 20, Msg.CTRUNC], [27, 27, 27, Msg.CTRUNC],
    [28, 28, 28, 0], [30, 30, 28, 0], [32, 32, 28, 0], [64, 32, 28, 0],
  ];
  for (const [room, used, length, flags] of cases) {
    const writer = new ControlWriter(room);
    writer.put(SOL.SOCKET, SCM.CREDENTIALS, ints([1, 2, 3]));
    const bytes = writer.written();
    deepEqual([bytes.length, bytes[0] ?? 0, writer.flags], [used, length, flags], `room for ${room}`);
  }
});

test('a length that no message can have ends the reading', () => {
  for (const length of [0xffffffff, 0xfffffff8, 0x80000000, 0x7fffffff, 17, 16, 15, 0]) {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, length, true);
    equal(readControl(bytes).length, length < 16 ? 0 : 1, String(length));
  }
});
