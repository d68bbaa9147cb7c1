/** SOCK_PACKET on loopback: the sockets that were there before AF_PACKET. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, ETH_P, IOCTL, MSG, PACKET, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { INET, ints, POLL, PORT, room, state, text, timeval, wait } from '../toolkit.ts';

const EXPERIMENTAL = 0x88b5;
const swapped = (protocol: number): number => ((protocol & 0xff) << 8) | (protocol >> 8);

/** `struct sockaddr_pkt`, or its beginning. */
function old(name: string, protocol = 0, length = 18, family: number = AF.PACKET): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 18));
  new DataView(bytes.buffer).setUint16(0, family, true);
  bytes.set(text(name).subarray(0, 14), 2);
  new DataView(bytes.buffer).setUint16(16, protocol);
  return bytes.subarray(0, length);
}

function frame(protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + payload.length);
  bytes.set([2, 0, 0, 0, 0, 9], 6);
  new DataView(bytes.buffer).setUint16(12, protocol);
  bytes.set(payload, 14);
  return bytes;
}

async function readAll(env: ProgramEnvironment, p: Syscalls, fd: number): Promise<void> {
  for (let i = 0; i < 12; i++) {
    if ((await env.attempt(p.recvmsg(fd, [room(2000)], MSG.DONTWAIT, 128, 128))) !== null) return;
  }
}

const programs_: Program[] = [
  program('packet-old-socket', async (env) => {
    const p = await env.signalProcess();
    for (const family of [AF.PACKET, AF.INET, AF.INET6, AF.UNIX]) {
      await env.attempt(p.socket(family, SOCK.PACKET, swapped(ETH_P.ALL)));
    }
    const fd = await p.socket(AF.INET, SOCK.PACKET, 0);
    for (const option of [SO.TYPE, SO.DOMAIN, SO.PROTOCOL, SO.ERROR]) await p.getsockopt(fd, SOL.SOCKET, option, 4);
    await p.getsockname(fd);
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 10_000));
    await env.attempt(p.recv(fd, room(10), 0));
    for (const option of [PACKET.STATISTICS, PACKET.AUXDATA, 99]) {
      await env.attempt(p.getsockopt(fd, SOL.PACKET, option, 8));
      await env.attempt(p.setsockopt(fd, SOL.PACKET, option, ints(1)));
    }
    await env.attempt(p.connect(fd, old('lo')));
    await env.attempt(p.getpeername(fd));
    await env.attempt(p.listen(fd, 1));
    await env.attempt(p.accept(fd));
    await env.attempt(p.shutdown(fd, SHUT.RD));
    await state(p, fd);
    await p.ioctl(fd, IOCTL.SIOCOUTQ);
    await p.setresuid(1000, 1000, 1000);
    await env.attempt(p.socket(AF.INET, SOCK.PACKET, 0));
    await env.attempt(p.socket(AF.PACKET, SOCK.PACKET, 0));
  }),
  program('packet-old-bind', async (env) => {
    const p = await env.process();
    const fd = await p.socket(AF.PACKET, SOCK.PACKET, swapped(EXPERIMENTAL));
    for (const length of [0, 2, 15, 17, 18, 20]) await env.attempt(p.bind(fd, old('lo', 0, length)));
    await env.attempt(p.bind(fd, old('none', 0, 16)));
    await env.attempt(p.bind(fd, old('', 0, 16)));
    await p.bind(fd, old('lo', 0, 16));
    await p.getsockname(fd);
    await p.bind(fd, old('lo', 0, 16, AF.INET));
    await env.attempt(p.bind(fd, old('a name that is long', 0, 16)));
    await p.getsockname(fd);
  }),
  program('packet-old-frames', async (env) => {
    const p = await env.process();
    const fd = await p.socket(AF.PACKET, SOCK.PACKET, swapped(EXPERIMENTAL));
    const all = await p.socket(AF.INET, SOCK.PACKET, swapped(ETH_P.ALL));
    const raw = await p.socket(AF.PACKET, SOCK.RAW, swapped(EXPERIMENTAL));
    await p.sendto(fd, frame(EXPERIMENTAL, text('hello')), 0, old('lo', EXPERIMENTAL));
    await readAll(env, p, fd);
    await readAll(env, p, all);
    await readAll(env, p, raw);
    // Without a protocol in the address.
    await p.sendto(fd, frame(EXPERIMENTAL, text('again')), 0, old('lo', 0, 16));
    await readAll(env, p, fd);
    await readAll(env, p, all);
    await p.bind(all, old('lo', 0, 16));
    await p.sendto(fd, frame(0x88b6, text('other')), 0, old('lo', 0x88b6));
    await readAll(env, p, fd);
    await readAll(env, p, all);
    // What the stack sends.
    const udp = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.bind(udp, INET.loopback(PORT));
    await p.sendto(udp, text(''), 0, INET.loopback(PORT));
    await wait(p, all, POLL.IN);
    const cut = room(14);
    await p.recvfrom(all, cut, 0);
    await p.recvmsg(all, [room(14)], MSG.TRUNC, 10);
    await readAll(env, p, fd);
  }),
  program('packet-old-errors', async (env) => {
    const p = await env.process();
    const fd = await p.socket(AF.PACKET, SOCK.PACKET, swapped(EXPERIMENTAL));
    await env.attempt(p.send(fd, frame(EXPERIMENTAL, text('x')), 0));
    await p.bind(fd, old('lo', 0, 16));
    await env.attempt(p.send(fd, frame(EXPERIMENTAL, text('x')), 0));
    await env.attempt(p.write(fd, frame(EXPERIMENTAL, text('x'))));
    for (const length of [1, 15]) await env.attempt(p.sendto(fd, frame(EXPERIMENTAL, text('x')), 0, old('lo', EXPERIMENTAL, length)));
    await env.attempt(p.sendto(fd, frame(EXPERIMENTAL, text('x')), 0, old('none', EXPERIMENTAL)));
    await env.attempt(p.sendto(fd, room(13), 0, old('lo', EXPERIMENTAL)));
    await env.attempt(p.sendto(fd, room(0), 0, old('lo', EXPERIMENTAL)));
    await p.sendto(fd, frame(EXPERIMENTAL, room(0)), 0, old('lo', EXPERIMENTAL));
    await env.attempt(p.sendto(fd, room(70_000), 0, old('lo', EXPERIMENTAL)));
    await readAll(env, p, fd);
    await env.attempt(p.recv(fd, room(10), MSG.OOB));
  }),
];

export const programs: readonly Program[] = programs_;
