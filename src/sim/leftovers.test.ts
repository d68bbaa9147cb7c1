import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../api/posix/process.ts';
import { ANY4 } from '../base/inet-address.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Host } from '../host.ts';
import { AF, IPPROTO, NETLINK_PROTOCOL, SOCK } from '../socket/constants.ts';
import { createSocket } from '../socket/create.ts';
import type { NetlinkSocket } from '../socket/family/netlink.ts';
import { sockaddrIn } from '../socket/sockaddr.ts';
import type { PortHolder } from '../transport/ports.ts';
import { leftoversOf, straysOf } from './leftovers.ts';
import { simulate } from './world.ts';

const turn = (fn: () => void): void => void setImmediate(fn);

/** What is found on a host after something has been left behind there. */
async function found(plant: (host: Host) => void): Promise<string[]> {
  return simulate({ seed: 1, turn }, async (world) => {
    const host = world.host('a');
    deepEqual(leftoversOf(host), []);
    plant(host);
    return leftoversOf(host);
  });
}

class Record implements PortHolder {
  readonly isV4 = true;
  localAddress = ANY4;
  localPort = 0;
  readonly portFlags = 0;
  readonly portRange = 0;
  readonly boundDevice = null;
  nextHolder: PortHolder | null = null;
  previousHolder: PortHolder | null = null;
}

test('an identifier of a ping socket is found', async () => {
  deepEqual(await found(({ stack: { ping } }) => void ping.bind(ping.create(true), 7)), ['a: 1 identifiers of ping sockets']);
});

test('a port that somebody holds who is no endpoint is found', async () => {
  deepEqual(await found(({ stack: { tcp } }) => tcp.ports.join(new Record(), 80)), ['a: TCP port 80 of Record']);
});

test('netlink sockets are found, whether they have a port, hear of a group or both', async () => {
  const make = ({ kernel }: Host): NetlinkSocket => createSocket(kernel, AF.NETLINK, SOCK.RAW, NETLINK_PROTOCOL.ROUTE) as NetlinkSocket;
  deepEqual(await found((host) => void host.kernel.netlink.autobind(5, make(host))), ['a: 1 netlink sockets']);
  deepEqual(await found((host) => host.kernel.netlink.listen(make(host))), ['a: 1 netlink sockets']);
  deepEqual(await found((host) => {
    const both = make(host);
    host.kernel.netlink.autobind(5, both);
    host.kernel.netlink.listen(both);
    host.kernel.netlink.autobind(5, make(host));
  }), ['a: 2 netlink sockets']);
});

test('sockets of these kinds leave nothing when they are closed', async () => {
  await simulate({ seed: 1, turn }, async (world) => {
    const host = world.host('a');
    host.stack.settings.pingGroupRangeLow = 0;
    const p = new Process(host, 'p');
    const fds = [
      await p.socket(AF.INET, SOCK.DGRAM, IPPROTO.ICMP), await p.socket(AF.INET6, SOCK.DGRAM, IPPROTO.ICMPV6),
      await p.socket(AF.NETLINK, SOCK.RAW, NETLINK_PROTOCOL.ROUTE),
    ];
    const names = [new Uint8Array([AF.INET, ...new Uint8Array(15)]), new Uint8Array([AF.INET6, ...new Uint8Array(27)]), new Uint8Array([16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])];
    for (const [i, fd] of fds.entries()) await p.bind(fd, names[i] as Uint8Array);
    deepEqual(leftoversOf(host).slice(0, 2), ['a: 2 identifiers of ping sockets', 'a: 1 netlink sockets']);
    for (const fd of fds) await p.close(fd);
    deepEqual(leftoversOf(host), []);
  });
});

class Forgotten extends Timer {
  expired(): void {}
}

test('at once after the last process: a timer that nobody owns is a stray, however soon it ends', async () => {
  await simulate({ seed: 1, turn }, async (world) => {
    const host = world.host('a');
    const p = new Process(host, 'p');
    const timer = new Forgotten();
    timer.deadline = world.now + 1000;
    host.kernel.timers.arm(timer);
    deepEqual(straysOf(host), [], 'as long as somebody is there it may be his');
    p.exit();
    match(straysOf(host).join('; '), /^a: timer of Forgotten at [\d.]+$/);
    await world.sleep(2000);
    deepEqual(straysOf(host), [], 'later nothing is seen of it');
  });
});

test('at once after the last process: timers of its calls and its descriptors are gone', async () => {
  await simulate({ seed: 1, turn }, async (world) => {
    const host = world.host('a');
    const p = new Process(host, 'p');
    const [timer, udp] = [await p.timerfd_create(1, 0), await p.socket(AF.INET, SOCK.DGRAM, 0)];
    await p.timerfd_settime(timer, 0, { valueUs: 5e6, intervalUs: 5e6 });
    await p.alarm(7);
    const calls = [p.sleep(1e6), p.recv(udp, new Uint8Array(1), 0)].map((call) => call.then(() => 'done', (error: Error & { code: string }) => error.code));
    p.exit();
    deepEqual(straysOf(host), []);
    deepEqual(await Promise.all(calls), ['EINTR', 'EINTR']);
  });
});

test('at once after the last process: what TCP still says to the peer is no stray, and neither is what the host does by itself', async () => {
  await simulate({ seed: 1, turn }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b);
    const [server, client] = [new Process(b, 'server'), new Process(a, 'client')];
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, sockaddrIn('0.0.0.0', 80));
    await server.listen(listener, 5);
    const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
    await client.connect(fd, sockaddrIn('10.0.1.2', 80));
    const { fd: accepted } = await server.accept(listener);
    client.exit();
    deepEqual(straysOf(a), [], 'FIN-WAIT-1');
    await world.sleep(1e5);
    equal([...a.stack.tcp.endpoints()].length + a.stack.tcp.timeWaits.count, 1, 'FIN-WAIT-2');
    deepEqual(straysOf(a), []);
    await server.close(accepted);
    server.exit();
    deepEqual(straysOf(b), [], 'LAST-ACK');
    await world.sleep(1e5);
    equal(a.stack.tcp.timeWaits.count, 1, 'TIME-WAIT');
    deepEqual([straysOf(a), straysOf(b)], [[], []]);
    // An endpoint without a process that still speaks as if it had one.
    const t = b.stack.tcp.create(true);
    b.stack.tcp.ports.join(t, 81);
    deepEqual(straysOf(b), ['b: TCP endpoint on port 81']);
    b.stack.tcp.ports.release(t);
  });
});
