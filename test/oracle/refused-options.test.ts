/**
 * The options that the walk leaves out (programs/option-walk.ts): docs/deviations.md says that they are refused, and here
 * they are, on every kind of socket that could have them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { virtualLoop } from '../../src/base/test-environment.ts';
import { Host } from '../../src/host.ts';
import { AF, IPPROTO, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { REFUSED } from './programs/option-walk.ts';
import { ints } from './toolkit.ts';

/** A level's sockets, and what of the walk's list others compare, or is refused in another way. */
const LEVELS: readonly { level: number; sockets: readonly (readonly [number, number])[]; except: readonly number[] }[] = [
  {
    level: SOL.SOCKET, sockets: [[AF.INET, SOCK.STREAM], [AF.INET6, SOCK.DGRAM], [AF.UNIX, SOCK.STREAM]],
    // An interface that there is not is ENODEV; only AF_UNIX has descriptors of processes.
    except: [SO.BINDTOIFINDEX, SO.PASSPIDFD, SO.PEERPIDFD],
  },
  { level: IPPROTO.IP, sockets: [[AF.INET, SOCK.STREAM], [AF.INET, SOCK.DGRAM]], except: [] },
  { level: IPPROTO.IPV6, sockets: [[AF.INET6, SOCK.STREAM], [AF.INET6, SOCK.DGRAM]], except: [] },
  { level: IPPROTO.TCP, sockets: [[AF.INET, SOCK.STREAM], [AF.INET6, SOCK.STREAM]], except: [] },
  // 103 and 104 are UDP_SEGMENT and UDP_GRO.
  { level: IPPROTO.UDP, sockets: [[AF.INET, SOCK.DGRAM], [AF.INET6, SOCK.DGRAM]], except: [103, 104] },
];

test('options that docs/deviations.md lists as refused answer ENOPROTOOPT', async () => {
  const p = new Process(new Host({ name: 'refuses', loop: virtualLoop(), random: new SeededRandom('refused') }), 'test');
  for (const { level, sockets, except } of LEVELS) {
    const options = (REFUSED.get(level) as readonly number[]).filter((option) => !except.includes(option));
    assert.ok(options.length > 0);
    for (const [family, type] of sockets) {
      const fd = await p.socket(family, type, 0);
      for (const option of options) {
        await assert.rejects(p.setsockopt(fd, level, option, ints(1)), { code: 'ENOPROTOOPT' }, `level ${level} option ${option}`);
      }
    }
  }
  const [fd] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await assert.rejects(p.setsockopt(fd, SOL.SOCKET, SO.PASSPIDFD, ints(1)), { code: 'ENOPROTOOPT' });
  await assert.rejects(p.getsockopt(fd, SOL.SOCKET, SO.PEERPIDFD, 4), { code: 'ENOPROTOOPT' });
});
