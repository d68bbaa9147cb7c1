/**
 * What random programs found (npm run oracle -- --random SEED): the shortest ones that showed a difference, now that there
 * is none.
 */
import type { Program } from '../program.ts';
import { p1, p2, sequence } from '../random/steps.ts';

export const programs: readonly Program[] = [
  sequence('random-b-0', false, [
      p2('epoll_create1', [524288], ['d3']),
      p2('dup', [{ fd: 'd3' }], ['d4']),
      p2('ioctl', [{ fd: 'd4' }, 21531]),
  ]),
  sequence('random-b-6', false, [
      p1('socketpair', [1, 2, 0], ['d10', 'd11']),
      p1('recvmsg', [{ fd: 'd11' }, { list: [{ room: 100 }, { room: 10 }] }, 8192, 28, 256], [], true),
  ]),
  sequence('random-b-10', false, [
      p1('select', [6, { set: ['d2','d2','d2','d3'] }, { set: ['d2','d5'] }, null, 0]),
  ]),
  sequence('random-b-21', false, [
      p1('epoll_wait', [{ fd: 'd4' }, 0, 0]),
  ]),
  sequence('random-b-26', true, [
      p1('socket', [10, 2050, 0], ['d1']),
      p1('bind', [{ fd: 'd1' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('connect', [{ fd: 'd1' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
  ]),
  sequence('random-b-34', false, [
      p1('pipe', [526336], ['d7', 'd8']),
      p1('sendfile', [{ fd: 'd8' }, { fd: 'd7' }, 5, 500]),
  ]),
  sequence('random-b-44', false, [
      p1('socketpair', [1, 2053, 0], ['d1', 'd2']),
      p1('socket', [10, 2050, 0], ['d4']),
      p1('select', [0, { set: ['d1','d1','d6'] }, { set: ['d4','d1','d6','d4'] }, null, 0]),
  ]),
  sequence('random-b-49', false, [
      p1('socketpair', [1, 2049, 0], ['d1', 'd2']),
      p1('socketpair', [1, 2049, 0], ['d9', 'd10']),
      p1('select', [6, null, { set: ['d2','d9','d4'] }, { set: ['d2','d10','d10','d4'] }, 0]),
  ]),
  sequence('random-b-47', true, [
      p1('socketpair', [1, 2049, 0], ['d4', 'd5']),
      p1('fork', []),
      p2('select', [0, { set: ['d5','d7'] }, { set: ['d7'] }, { set: ['d6','d6'] }, 0]),
  ]),
  sequence('random-b-53', false, [
      p2('socket', [10, 2051, 17], ['d7']),
      p2('setsockopt', [{ fd: 'd7' }, 0, 15, { bytes: Uint8Array.of(64, 0, 0, 0) }]),
  ]),
  sequence('random-b-59', true, [
      p1('fork', []),
      p2('eventfd', [1, 2049], ['d7']),
      p2('mq_open', ["/q2", 2242, 384, null], ['d8']),
      p2('select', [6, { set: ['d7'] }, { set: ['d8','d6','d1','d9'] }, { set: ['d9','d6'] }, 0]),
  ]),
  sequence('random-b-64', true, [
      p1('socketpair', [1, 2053, 0], ['d8', 'd9']),
      p1('select', [6, { set: ['d9','d8'] }, null, { set: ['d8','d9','d2'] }, 0]),
  ]),
  sequence('random-b-104', false, [
      p1('pipe', [524288], ['d8', 'd9']),
      p1('socketpair', [1, 2050, 0], ['d11', 'd12']),
      p1('select', [0, { set: ['d3','d12','d8'] }, null, { set: ['d9'] }, 0]),
  ]),
  sequence('random-b-120', false, [
      p1('epoll_create1', [524288], ['d1']),
      p1('fstat', [{ fd: 'd1' }]),
  ]),
  sequence('random-b-141', true, [
      p1('pipe', [2048], ['d1', 'd2']),
      p1('select', [0, { set: ['d2','d2','d2','d2'] }, { set: ['d2','d2'] }, { set: ['d4','d2','d2'] }, 0]),
  ]),
  sequence('random-b-162', true, [
      p1('mq_open', ["/q1", 2114, 384, { record: { maxMessages: 1, messageSize: 10 } }], ['d1']),
      p1('fstat', [{ fd: 'd1' }]),
  ]),
  sequence('random-b-183', false, [
      p1('socket', [2, 2049, 0], ['d4']),
      p1('socketpair', [1, 2050, 0], ['d11', 'd12']),
      p1('select', [0, { set: ['d11','d5','d4','d11'] }, { set: ['d11','d11','d4'] }, { set: ['d12','d7'] }, 0]),
  ]),
  sequence('random-b-196', false, [
      p1('mq_open', ["/q2", 2240, 384, null], ['d8']),
      p1('pwrite', [{ fd: 'd8' }, { pattern: 1000 }, 2]),
  ]),
  sequence('random-c-232', false, [
      p1('mq_open', ["/q1", 2241, 384, null], ['d8']),
      p1('ioctl', [{ fd: 'd8' }, 21531]),
  ]),
  sequence('random-c-281', true, [
      p1('open', ["/tmp", 2048, 448], ['d3']),
      p1('lseek', [{ fd: 'd3' }, 2000, 0]),
  ]),
  sequence('random-d-210', true, [
      p1('socket', [2, 2050, 0], ['d7']),
      p1('send', [{ fd: 'd7' }, { pattern: 500 }, 1]),
  ]),
  sequence('random-d-373', false, [
      p1('pipe', [2048], ['d1', 'd2']),
      p1('close', [{ fd: 'd1' }]),
      p1('pipe', [526336], ['d5', 'd6']),
      p1('close', [{ fd: 'd6' }]),
      p1('splice', [{ fd: 'd5' }, null, { fd: 'd2' }, null, 1, 2]),
  ]),
  sequence('random-d-449', false, [
      p1('socket', [2, 2050, 0], ['d8']),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('bind', [{ fd: 'd8' }, { bytes: Uint8Array.of(2, 0, 19, 138, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
  ]),
  sequence('random-d-474', false, [
      p1('mq_open', ["/q2", 2112, 384, null], ['d2']),
      p1('mq_unlink', ["/q2"]),
      p1('fstat', [{ fd: 'd2' }]),
  ]),
  sequence('random-e-120', true, [
      p1('socket', [10, 2051, 17], ['d2']),
      p1('connect', [{ fd: 'd2' }, { bytes: Uint8Array.of(2, 0, 19, 138, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
  ]),
  sequence('random-e-132', false, [
      p1('socket', [2, 2049, 0], ['d10']),
      p1('connect', [{ fd: 'd10' }, { bytes: Uint8Array.of(2, 0, 19, 136, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('getsockopt', [{ fd: 'd10' }, 6, 2, 4]),
  ]),
  sequence('random-e-367', false, [
      p1('epoll_create1', [0], ['d3']),
      p1('pipe', [526336], ['d4', 'd5']),
      p1('epoll_ctl', [{ fd: 'd3' }, 3, { fd: 'd5' }, 268435460, 251]),
  ]),
  sequence('random-e-511', false, [
      p1('socket', [10, 2050, 0], ['d8']),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(10, 0, 19, 138, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(10, 0, 19, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1, 0, 0, 0, 0) }]),
  ]),
  sequence('random-e-580', false, [
      p1('open', ["s1", 2242, 438], ['d1']),
      p1('pwrite', [{ fd: 'd1' }, { pattern: 0 }, 1000]),
      p1('fstat', [{ fd: 'd1' }]),
  ]),
  sequence('random-e-700', true, [
      p1('fork', []),
      p2('socket', [10, 2050, 0], ['d18']),
      p2('connect', [{ fd: 'd18' }, { bytes: Uint8Array.of(10, 0, 19, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p2('sendto', [{ fd: 'd18' }, { pattern: 2 }, 0, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1, 0, 0, 0, 0) }]),
  ]),
  sequence('random-e-954', true, [
      p1('socket', [10, 2049, 0], ['d5']),
      p1('connect', [{ fd: 'd5' }, { bytes: Uint8Array.of(10, 0, 19, 138, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('setsockopt', [{ fd: 'd5' }, 41, 26, { bytes: Uint8Array.of(2, 0, 0, 0) }]),
  ]),
  sequence('random-e-981', false, [
      p2('epoll_create1', [0], ['d3']),
      p2('lseek', [{ fd: 'd3' }, -1, 9]),
  ]),
  sequence('random-f-316', false, [
      p1('socket', [10, 2051, 17], ['d8']),
      p1('getsockopt', [{ fd: 'd8' }, 1, 2, 4]),
  ]),
  sequence('random-f-878', true, [
      p1('fork', []),
      p2('mq_open', ["/q1", 2113, 384, null], ['d5']),
      p2('ftruncate', [{ fd: 'd5' }, 5]),
  ]),
  sequence('random-g-246', false, [
      p2('socket', [10, 2051, 17], ['d4']),
      p2('sendto', [{ fd: 'd4' }, { pattern: 500 }, 1, { bytes: Uint8Array.of(10, 0, 19, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
  ]),
  sequence('random-g-266', false, [
      p1('socketpair', [1, 2050, 0], ['d1', 'd2']),
      p1('fchmod', [{ fd: 'd1' }, 438]),
      p1('fstat', [{ fd: 'd1' }]),
  ]),
  sequence('random-g-319', true, [
      p1('fork', []),
      p2('socket', [2, 2050, 0], ['d10']),
      p2('connect', [{ fd: 'd10' }, { bytes: Uint8Array.of(10, 0, 19, 138, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p2('bind', [{ fd: 'd10' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0) }]),
  ]),
  sequence('random-h-199', false, [
      p1('socket', [2, 2049, 0], ['d4']),
      p1('bind', [{ fd: 'd4' }, { bytes: Uint8Array.of(2, 0, 19, 138, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('shutdown', [{ fd: 'd4' }, 1]),
      p1('listen', [{ fd: 'd4' }, 8]),
      p2('socket', [2, 2049, 0], ['d14']),
      p2('connect', [{ fd: 'd14' }, { bytes: Uint8Array.of(2, 0, 19, 138, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('accept4', [{ fd: 'd4' }, 2048], ['d15']),
      p1('writev', [{ fd: 'd15' }, { list: [{ pattern: 10 }, { pattern: 2 }] }]),
  ]),
  sequence('random-h-271', false, [
      p1('socket', [1, 2050, 0], ['d4']),
      p1('setsockopt', [{ fd: 'd4' }, 1, 1, { bytes: Uint8Array.of(1, 0, 0, 0) }]),
      p1('getsockopt', [{ fd: 'd4' }, 1, 1, 4]),
  ]),
  sequence('random-i-416', false, [
      p1('socket', [2, 2049, 0], ['d2']),
      p1('listen', [{ fd: 'd2' }, 5]),
      p1('recvmsg', [{ fd: 'd2' }, { list: [{ room: 10000 }, { room: 10 }] }, 8192, 16, 256]),
  ]),
  sequence('random-i-471', true, [
      p1('socket', [2, 2049, 0], ['d2']),
      p1('epoll_create1', [0], ['d5']),
      p1('epoll_ctl', [{ fd: 'd5' }, 1, { fd: 'd2' }, 8197, 1]),
      p1('epoll_ctl', [{ fd: 'd5' }, 1, { fd: 'd2' }, 268444639, 711]),
  ]),
  sequence('random-i-942', false, [
      p2('socket', [10, 2051, 17], ['d8']),
      p2('bind', [{ fd: 'd8' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0) }]),
  ]),
  sequence('random-j-559', false, [
      p1('pipe', [524288], ['d11', 'd12']),
      p1('epoll_create1', [0], ['d14']),
      p1('splice', [{ fd: 'd11' }, null, { fd: 'd14' }, null, 1, 2], [], true),
  ]),
  sequence('random-j-1629', false, [
      p2('socket', [10, 2050, 0], ['d15']),
      p2('connect', [{ fd: 'd15' }, { bytes: Uint8Array.of(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p2('send', [{ fd: 'd15' }, { pattern: 3000 }, 0]),
  ]),
  sequence('random-m-14', true, [
      p1('socket', [2, 2049, 0], ['d5']),
      p1('bind', [{ fd: 'd5' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('connect', [{ fd: 'd5' }, { bytes: Uint8Array.of(2, 0, 19, 137, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('readv', [{ fd: 'd5' }, { list: [{ room: 10 }, { room: 10 }] }]),
  ]),
  sequence('random-m-902', false, [
      p1('eventfd', [1, 2048], ['d5']),
      p1('pipe', [16384], ['d8', 'd9']),
      p1('splice', [{ fd: 'd5' }, null, { fd: 'd9' }, null, 10, 2], [], true),
  ]),
  sequence('random-4711-234', false, [
      p1('socket', [10, 2049, 0], ['d1']),
      p1('bind', [{ fd: 'd1' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('listen', [{ fd: 'd1' }, 5]),
      p1('socket', [10, 2049, 0], ['d11']),
      p1('setsockopt', [{ fd: 'd11' }, 6, 9, { bytes: Uint8Array.of(0, 1, 0, 0) }]),
      p1('connect', [{ fd: 'd11' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('accept4', [{ fd: 'd1' }, 2048], ['d18']),
      // What is sent takes the third ACK along.
      p1('write', [{ fd: 'd11' }, { pattern: 10 }]),
      p1('accept4', [{ fd: 'd1' }, 2048], ['d19']),
  ]),
  sequence('random-4711-1007', false, [
      p1('pipe', [2048], ['d1', 'd2']),
      p1('close', [{ fd: 'd1' }]),
      p1('pipe', [524288], ['d17', 'd18']),
      p1('sendfile', [{ fd: 'd2' }, { fd: 'd17' }, null, 3000], [], true),
  ]),
  sequence('random-99001-72', false, [
      p1('socket', [10, 2049, 0], ['d1']),
      p1('bind', [{ fd: 'd1' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('listen', [{ fd: 'd1' }, 5]),
      p1('socket', [10, 2049, 0], ['d2']),
      p1('connect', [{ fd: 'd2' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('accept4', [{ fd: 'd1' }, 2048], ['d3']),
      p1('send', [{ fd: 'd2' }, { pattern: 10 }, 1]),
      p1('readv', [{ fd: 'd3' }, { list: [{ room: 10000 }, { room: 10 }] }]),
      p1('select', [128, { set: [] }, { set: ['d3'] }, { set: ['d1', 'd3'] }, 0]),
      p1('read', [{ fd: 'd3' }, { room: 10000 }]),
      p1('select', [128, { set: [] }, { set: ['d3'] }, { set: ['d1', 'd3'] }, 0]),
      p1('recv', [{ fd: 'd3' }, { room: 10 }, 1]),
  ]),
  sequence('random-99001-1473', false, [
      p1('socket', [2, 2050, 0], ['d3']),
      p1('shutdown', [{ fd: 'd3' }, 1]),
      p1('sendto', [{ fd: 'd3' }, { pattern: 500 }, 0, { bytes: Uint8Array.of(2, 0, 19, 138, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
  ]),
  sequence('random-4086059520-11', true, [
      p1('socket', [2, 2049, 0], ['d3']),
      p1('bind', [{ fd: 'd3' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('fork', []),
      p2('shutdown', [{ fd: 'd3' }, 1]),
      p1('connect', [{ fd: 'd3' }, { bytes: Uint8Array.of(2, 0, 19, 137, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('poll', [{ poll: [['d3', 4], ['d3', 5]] }, 0]),
      p1('read', [{ fd: 'd3' }, { room: 10 }]),
  ]),
  sequence('random-2541591651-1762', true, [
      p1('socket', [10, 2049, 0], ['d1']),
      p1('bind', [{ fd: 'd1' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('listen', [{ fd: 'd1' }, 5]),
      p1('socket', [10, 2049, 0], ['d2']),
      p1('connect', [{ fd: 'd2' }, { bytes: Uint8Array.of(10, 0, 19, 136, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('accept4', [{ fd: 'd1' }, 2048], ['d3']),
      p1('sendto', [{ fd: 'd2' }, { pattern: 5 }, 1, null]),
      p1('recvmsg', [{ fd: 'd3' }, { list: [{ room: 0 }, { room: 10 }] }, 0, 0, 256]),
      p1('fork', []),
      p1('writev', [{ fd: 'd2' }, { list: [{ pattern: 1 }, { pattern: 1000 }] }]),
      p2('recvfrom', [{ fd: 'd3' }, { room: 0 }, 64]),
      p1('recv', [{ fd: 'd3' }, { room: 1000 }, 1]),
  ]),
  sequence('random-final-a-1711', false, [
      p1('socket', [10, 2050, 0], ['d8']),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1, 0, 0, 0, 0) }]),
      p1('send', [{ fd: 'd8' }, { pattern: 500 }, 128]),
  ]),
  sequence('random-final-c-791', true, [
      p1('socket', [10, 2050, 0], ['d5']),
      p1('connect', [{ fd: 'd5' }, { bytes: Uint8Array.of(2, 0, 19, 138, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('getpeername', [{ fd: 'd5' }]),
  ]),
  sequence('random-660874953-96', false, [
      p1('open', ["/tmp", 67584, 420], ['d4']),
      p1('dup3', [{ fd: 'd4' }, 20, 524288], ['d8']),
      p1('preadv', [{ fd: 'd8' }, { list: [{ room: 0 }, { room: 0 }] }, 0]),
  ]),
  sequence('random-777001-1573', false, [
      p1('socket', [2, 2050, 0], ['d8']),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(2, 0, 19, 136, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('sendmsg', [{ fd: 'd8' }, { record: { name: { bytes: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }, iov: { list: [{ pattern: 500 }, { pattern: 2 }] }, control: null } }, 0]),
      p1('sendto', [{ fd: 'd8' }, { pattern: 5 }, 0, { bytes: Uint8Array.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('connect', [{ fd: 'd8' }, { bytes: Uint8Array.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) }]),
      p1('sendto', [{ fd: 'd8' }, { pattern: 5 }, 32768, null]),
      p1('sendto', [{ fd: 'd8' }, { pattern: 5 }, 0, null]),
  ]),
  sequence('random-777002-1305', false, [
      p1('socket', [17, 2050, 46472], ['d2']),
      p1('socket', [16, 2050, 4], ['d3']),
      p1('send', [{ fd: 'd3' }, { bytes: Uint8Array.of(36, 0, 0, 0, 20, 0, 1, 3, 234, 3, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255) }, 0]),
      p1('socket', [17, 2050, 46472], ['d8']),
      p1('recvmsg', [{ fd: 'd3' }, { list: [{ room: 32768 }] }, 64, 0, 0]),
      p1('socket', [17, 2050, 46472], ['d9']),
      p1('close', [{ fd: 'd2' }]),
      p1('recvmsg', [{ fd: 'd3' }, { list: [{ room: 8192 }] }, 0, 0, 128]),
      p1('recvmsg', [{ fd: 'd3' }, { list: [{ room: 8192 }] }, 0, 0, 128]),
      p1('recvmsg', [{ fd: 'd3' }, { list: [{ room: 8192 }] }, 0, 0, 128]),
  ]),
  sequence('random-a3-24', true, [
      p1('setpgid', [-1, 0]),
  ]),
  sequence('random-a3-1-138', true, [
      p1('open', ["f1", 2114, 420], ['d1']),
      p1('fork', []),
      p2('seteuid', [1000]),
      p2('link', ["f1", "hard0"]),
  ]),
  sequence('random-a3-1-229', true, [
      p1('open', ["fifo", 2114, 384], ['d7']),
      p1('setuid', [1000]),
      p1('fchown', [{ fd: 'd7' }, -1, -1]),
  ]),
  sequence('random-a3-2-121', true, [
      p1('utimensat', ["", { record: { atimeUs: -Infinity, mtimeUs: -Infinity } }, 1]),
  ]),
  sequence('random-a3-2-168', false, [
      p1('setrlimit', [7, { record: { soft: 9, hard: 1024 } }]),
      p1('mq_open', ["/q2", 2114, 384, { record: { maxMessages: 8, messageSize: 100 } }], ['d1']),
      p1('select', [128, { set: ['d1','d3','d3'] }, { set: ['d3','d1'] }, { set: ['d1','d1'] }, 0]),
  ]),
  sequence('random-a3-2-306', true, [
      p1('setresgid', [1000, 1000, 1001]),
      p1('seteuid', [1000]),
      p1('fork', []),
      p2('socketpair', [1, 2053, 0], ['d9', 'd10']),
      p2('fchown', [{ fd: 'd9' }, -1, 0]),
      p2('fchown', [{ fd: 'd9' }, -1, 1000]),
      p2('fstat', [{ fd: 'd9' }]),
  ]),
  sequence('random-a3-3-140', false, [
      p1('mq_open', ["/q1", 2114, 384, { record: { maxMessages: 4, messageSize: 100 } }], ['d1']),
      p1('fstatfs', [{ fd: 'd1' }]),
  ]),
];
