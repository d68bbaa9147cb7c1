import { deepEqual, equal, match, notEqual, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../api/posix/process.ts';
import { type IpAddress, networkOf } from '../base/inet-address.ts';
import { readCapture } from '../capture/capture-file.ts';
import type { Host } from '../host.ts';
import type { CableOptions } from '../link/cable.ts';
import { AF, SOCK } from '../socket/constants.ts';
import { formatSockaddr, sockaddrIn, sockaddrIn6 } from '../socket/sockaddr.ts';
import { simulate, type SimulateOptions, type World, WorldError } from './world.ts';

const turn = (fn: () => void): void => void setImmediate(fn);

function run<T>(body: (world: World) => Promise<T>, options: Partial<SimulateOptions> = {}): Promise<T> {
  return simulate({ seed: 1, turn, ...options }, body);
}

/** A UDP socket bound to `port`; `answer` of it is what `talk` needs. */
async function boundSocket(host: Host, port: number): Promise<{ process: Process; fd: number }> {
  const process = new Process(host, `on ${port}`);
  const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.bind(fd, sockaddrIn('0.0.0.0', port));
  return { process, fd };
}

/** Sends datagrams to and fro; returns the capture's bytes. */
async function talk(world: World, options: CableOptions): Promise<Uint8Array> {
  const a = world.host('a');
  const b = world.host('b');
  const cable = world.cable(a, b, options);
  const capture = world.capture([cable.a, cable.b]);
  const left = await boundSocket(a, 1000);
  const right = await boundSocket(b, 2000);
  void (async () => {
    const buffer = new Uint8Array(2000);
    for (;;) {
      const { count, address } = await right.process.recvfrom(right.fd, buffer, 0);
      await right.process.sendto(right.fd, buffer.subarray(0, count), 0, address);
    }
  })();
  for (let i = 0; i < 20; i++) {
    await left.process.sendto(left.fd, new Uint8Array(100 + i).fill(i), 0, sockaddrIn('10.0.1.2', 2000));
    await world.sleep(10_000);
  }
  return capture.bytes();
}

test('time is virtual: a day passes in no time, and sleeps end in their order', async () => {
  const began = Date.now();
  await run(async (world) => {
    const log: string[] = [];
    await Promise.all([
      world.sleep(86400e6).then(() => log.push(`day ${world.now}`)),
      world.sleep(1).then(() => log.push(`us ${world.now}`)),
      world.sleep(1000).then(async () => {
        log.push(`ms ${world.now}`);
        await world.sleep(500);
        log.push(`ms and a half ${world.now}`);
      }),
    ]);
    deepEqual(log, ['us 1', 'ms 1000', 'ms and a half 1500', 'day 86400000000']);
  });
  ok(Date.now() - began < 5000);
});

test('two hosts on a cable: a datagram takes the delay, and its answer too', async () => {
  await run(async (world) => {
    const a = world.host('a');
    const b = world.host('b');
    world.cable(a, b, { delayUs: 30_000 });
    const left = await boundSocket(a, 1000);
    const right = await boundSocket(b, 2000);
    const buffer = new Uint8Array(100);
    const ask = async (): Promise<number> => {
      const began = world.now;
      await left.process.sendto(left.fd, Uint8Array.of(1, 2, 3), 0, sockaddrIn('10.0.1.2', 2000));
      const { count, address } = await right.process.recvfrom(right.fd, buffer, 0);
      equal(formatSockaddr(address), '10.0.1.1:1000');
      await right.process.sendto(right.fd, buffer.subarray(0, count), 0, address);
      equal((await left.process.recvfrom(left.fd, buffer, 0)).count, 3);
      return world.now - began;
    };
    equal(await ask(), 120_000, 'address resolution first');
    equal(await ask(), 60_000);
  });
});

test('one seed is one run: the same capture byte for byte, another one for another seed', async () => {
  const weather: CableOptions = { delayUs: 2000, jitterUs: 500, loss: 0.2, duplicate: 0.2, corrupt: 0.1, reorder: { probability: 0.2, extraUs: 9000 } };
  const of = (seed: string): Promise<Uint8Array> => run((world) => talk(world, weather), { seed });
  const first = await of('x');
  deepEqual(await of('x'), first);
  notEqual(Buffer.compare(await of('y'), first), 0);
});

test('one seed is one run: what /proc says of sockets, too', async () => {
  const told = (): Promise<string> => run(async (world) => {
    const { process } = await boundSocket(world.host('a'), 1000);
    const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
    await process.listen(listener, 1);
    await process.socket(AF.UNIX, SOCK.STREAM, 0);
    const buffer = new Uint8Array(4000);
    let text = '';
    for (const table of ['udp', 'tcp', 'unix']) {
      const fd = await process.open(`/proc/net/${table}`, 0);
      text += Buffer.from(buffer.subarray(0, await process.read(fd, buffer))).toString();
    }
    return text;
  });
  const first = await told();
  match(first, / 2 00000000[0-9a-f]{8} 0/);
  equal(await told(), first);
});

test('a capture is a pcapng file of the chosen devices, in virtual time from 2026 on', async () => {
  const bytes = await run((world) => talk(world, { delayUs: 700 }));
  const packets = [...readCapture(bytes)];
  deepEqual([...new Set(packets.map((packet) => packet.interface.name))], ['a:eth0', 'b:eth0']);
  deepEqual(packets[0]?.interface.description, `eth0 of ${packets[0]?.interface.name.slice(0, 1)}`);
  deepEqual([...new Set(packets.map((packet) => packet.interfaceId))].sort(), [0, 1]);
  const datagrams = packets.filter(({ originalLength }) => originalLength === 142 + 5);
  const start = 1767225600000000;
  const sent = datagrams.map(({ timeUs, interfaceId, direction }) => [interfaceId, direction, timeUs - start]);
  const first = sent[0]?.[2] as number;
  deepEqual(sent, [[0, 'out', first], [1, 'in', first + 700], [1, 'out', first + 700], [0, 'in', first + 1400]]);
});

test('hosts on a switch share a network and hear each other', async () => {
  await run(async (world) => {
    const bridge = world.switch();
    const hosts = ['a', 'b', 'c'].map((name) => world.host(name));
    for (const host of hosts) world.cable(host, bridge, { delayUs: 10 });
    world.cable(world.host('d'), world.host('e'));
    const addresses = world.hosts.map((host) => host.network.interfaces().flatMap(({ device }) => (device.isLoopback ? [] : [`${device.macHi} ${device.macLo}`])));
    equal(new Set(addresses.flat()).size, 5, 'no two MAC addresses are alike');
    const sockets = await Promise.all(hosts.map((host) => boundSocket(host, 7)));
    const buffer = new Uint8Array(10);
    for (const from of [0, 1, 2]) {
      for (const to of [0, 1, 2]) {
        if (from === to) continue;
        const [source, target] = [sockets[from], sockets[to]] as [(typeof sockets)[number], (typeof sockets)[number]];
        await source.process.sendto(source.fd, Uint8Array.of(from), 0, sockaddrIn(`10.0.1.${to + 1}`, 7));
        const { address } = await target.process.recvfrom(target.fd, buffer, 0);
        equal(formatSockaddr(address), `10.0.1.${from + 1}:7`);
      }
    }
  });
});

test('300 hosts on a switch have addresses of one network, none of them its broadcast address, and hear each other', async () => {
  await run(async (world) => {
    world.cable(world.host('before a'), world.host('before b'));
    const bridge = world.switch();
    const hosts = Array.from({ length: 300 }, (_, i) => world.host(`h${i}`));
    for (const host of hosts) world.cable(host, bridge, { delayUs: 10 });
    world.cable(world.host('behind a'), world.host('behind b'));
    const entries = world.hosts.map((host) => host.network.interfaces()[1]?.addresses.find(({ address }) => address.isV4));
    const words = entries.map((entry) => String(entry?.address));
    equal(new Set(words).size, 304);
    const networks = new Set(entries.map((entry) => `${networkOf(entry?.address as IpAddress, entry?.prefixLength as number)}/${entry?.prefixLength}`));
    deepEqual([...networks], ['10.0.1.0/24', '10.0.16.0/20', '10.0.32.0/24']);
    ok(entries.every((entry) => entry?.broadcast !== entry?.address.d));
    const last = await boundSocket(hosts[299] as Host, 7);
    const first = await boundSocket(hosts[0] as Host, 7);
    const middle = await boundSocket(hosts[254] as Host, 7);
    for (const [from, to, address] of [[first, last, words[301]], [last, middle, words[256]], [middle, first, words[2]]] as const) {
      await from.process.sendto(from.fd, Uint8Array.of(1), 0, sockaddrIn(address as string, 7));
      equal(await to.process.recv(to.fd, new Uint8Array(9), 0), 1);
    }
  });
});

test('hosts of two switches that are joined have no address twice', async () => {
  await run(async (world) => {
    const [one, two] = [world.switch(), world.switch()];
    world.cable(one, two);
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, one);
    world.cable(two, b);
    const left = await boundSocket(a, 7);
    const right = await boundSocket(b, 7);
    await left.process.sendto(left.fd, Uint8Array.of(1), 0, sockaddrIn('10.0.1.2', 7));
    const { address } = await right.process.recvfrom(right.fd, new Uint8Array(9), 0);
    equal(formatSockaddr(address), '10.0.1.1:7');
  });
});

test('IPv6 addresses of a cable can be used at once', async () => {
  await run(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b);
    const process = new Process(b, 'server');
    const fd = await process.socket(AF.INET6, SOCK.DGRAM, 0);
    await process.bind(fd, sockaddrIn6('fd00:1::2', 5));
    const client = new Process(a, 'client');
    const socket = await client.socket(AF.INET6, SOCK.DGRAM, 0);
    await client.sendto(socket, Uint8Array.of(1), 0, sockaddrIn6('fd00:1::2', 5));
    const { address } = await process.recvfrom(fd, new Uint8Array(9), 0);
    match(formatSockaddr(address), /^\[fd00:1::1\]:/);
  });
});

test('addresses can be chosen; one that is none is refused', async () => {
  await run(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    const cable = world.cable(a, b, { addressA: '192.0.2.1/24', addressB: ['192.0.2.2/24', '2001:db8::2/64'] });
    equal(cable.a.name, 'eth0');
    const { process, fd } = await boundSocket(b, 9);
    const client = new Process(a, 'client');
    const socket = await client.socket(AF.INET, SOCK.DGRAM, 0);
    await client.sendto(socket, Uint8Array.of(1), 0, sockaddrIn('192.0.2.2', 9));
    equal((await process.recvfrom(fd, new Uint8Array(9), 0)).count, 1);
    for (const wrong of ['192.0.2/24', '192.0.2.1', '192.0.2.1/33', '']) {
      throws(() => world.cable(a, b, { addressA: wrong, addressB: '192.0.2.2/24' }), {
        message: `world.cable: addressA takes an address with its prefix length, such as 192.0.2.1/24, not '${wrong}'`,
      });
    }
    for (const [options, sentence] of [
      [{ addressA: '192.0.2.1/24' }, /addressA is given and addressB is not; give both/],
      [{ addressB: '192.0.2.1/24' }, /addressB is given and addressA is not; give both/],
    ] as const) throws(() => world.cable(a, b, options), sentence);
    world.cable(a, world.switch(), { addressA: '198.51.100.1/24' });
    equal(a.addresses().includes('198.51.100.1/24'), true);
    equal(a.network.interfaces().length, 3, 'what failed left no device');
  });
});

test('a host tells its addresses as ip addr words them: chosen ones too', async () => {
  await run(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    const cable = world.cable(a, b);
    deepEqual(a.addresses().slice(0, 2), ['127.0.0.1/8', '::1/128']);
    deepEqual(b.addresses(cable.b), ['10.0.1.2/24', 'fe80::ff:fe00:2/64', 'fd00:1::2/64']);
    for (let n = 2; n < 260; n++) world.cable(world.host(`l${n}`), world.host(`r${n}`));
    equal(world.hosts[2 + 2 * (256 - 2)]?.addresses().includes('10.1.0.1/24'), true, 'the 256th');
  });
});

test('an option that there is not is refused, and the error names those there are', async () => {
  await run(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    throws(() => world.cable(a, b, { latencyMs: 5 } as CableOptions), /^TypeError: world.cable: unknown option latencyMs; there are addressA, addressB, delayUs, .*\bloss\b/);
    throws(() => world.cable(a, b, { aToB: { lost: 1 } } as CableOptions), /^TypeError: world.cable, aToB: unknown option lost; there are delayUs, /);
  });
  await rejects(run(async () => {}, { limit: 5 } as Partial<SimulateOptions>), /^TypeError: simulate: unknown option limit; there are seed, timeLimitUs, eventLimit, leaveOut( \(seed 1\))?$/);
});

test('a world in which nothing can happen any more says so, and who waits for what', async () => {
  await rejects(
    run(async (world) => {
      const { process, fd } = await boundSocket(world.host('lonely'), 5);
      await process.recv(fd, new Uint8Array(1), 0);
    }, { seed: 'quiet' }),
    (error: Error) => error instanceof WorldError && /stuck \(seed quiet\): on 5 on lonely waits in receive; does the body await something outside of the world/.test(error.message),
  );
  await rejects(run(() => new Promise(() => {})), /stuck \(seed 1\): no process waits/);
});

test('limits of time and of events end a world that would go on for ever', async () => {
  const tick = async (world: World): Promise<void> => {
    for (;;) await world.sleep(1e6);
  };
  await rejects(run(tick, { timeLimitUs: 3600e6 }), (error: Error) => error instanceof WorldError && / 3600 s .*\(seed 1\)/.test(error.message));
  await rejects(run(tick, { eventLimit: 5000 }), (error: Error) => error instanceof WorldError && /\b5000 events/.test(error.message));
});

test('what the body throws comes back with the seed', async () => {
  const wrong = new TypeError('7 is no answer');
  await rejects(run(() => Promise.reject(wrong), { seed: 7 }), (error) => error === wrong && wrong.message === '7 is no answer (seed 7)');
  await rejects(run(async (world) => {
    await world.sleep(10);
    throw new Error('later');
  }), /later \(seed 1\)/);
});

test('what a callback of the stack throws ends the world, not the program', async () => {
  await rejects(
    run(async (world) => {
      const a = world.host('a');
      const cable = world.cable(a, world.host('b'), { delayUs: 5 });
      cable.b.input = {
        frameInput() {
          throw new Error('our own bug');
        },
        deviceChanged() {},
      };
      const { process, fd } = await boundSocket(a, 1);
      await process.sendto(fd, Uint8Array.of(1), 0, sockaddrIn('10.0.1.2', 1));
      await world.sleep(1e6);
    }),
    /our own bug \(seed 1\)/,
  );
});

test('a rejected promise that nobody looks at ends the world', async () => {
  let listener: ((reason: unknown) => void) | null = null;
  const watchRejections = (_name: string, fn: (reason: unknown) => void) => {
    listener = fn;
    return {
      run: <T>(body: () => T): T => body(),
      stop: () => {
        listener = null;
      },
    };
  };
  await rejects(
    run(async (world) => {
      await world.sleep(5);
      listener?.(new Error('a task failed'));
      await world.sleep(1e6);
    }, { watchRejections }),
    /a task failed \(seed 1\)/,
  );
  equal(listener, null, 'the world has stopped listening');
});

test('until: waits for a condition, and fails when it does not come', async () => {
  await run(async (world) => {
    let open = false;
    void world.sleep(2500).then(() => {
      open = true;
    });
    await world.until(() => open);
    equal(world.now, 3000);
    await rejects(world.until(() => false, 5000), /did not hold within 0.005 s/);
  });
});

test('leftovers: names what is left, and nothing once all is closed', async () => {
  await run(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b, { delayUs: 1000 });
    const left = await boundSocket(a, 1000);
    const right = await boundSocket(b, 2000);
    await left.process.sendto(left.fd, new Uint8Array(1000), 0, sockaddrIn('10.0.1.2', 2000));
    await world.sleep(50_000);
    const found = world.leftovers().join('\n');
    match(found, /a: UDP endpoint on port 1000/);
    match(found, /b: descriptor 3 of process/);
    match(found, /1 chunks/, 'the datagram that nobody has read');
    await left.process.close(left.fd);
    await right.process.close(right.fd);
    await world.sleep(10e6);
    deepEqual(world.leftovers(), []);
  });
});

test('hosts of one world have names of their own', async () => {
  await run(async (world) => {
    world.host('a');
    throws(() => world.host('a'), /host named a already/);
  });
});

test('adding a host leaves the choices of the others alone', async () => {
  const drawn = (more: boolean): Promise<number> =>
    run(async (world) => {
      if (more) world.host('zero');
      const [a, b] = [world.host('a'), world.host('b')];
      world.cable(a, b);
      return a.stack.context.random.int32();
    });
  equal(await drawn(true), await drawn(false));
});

test('an error whose message cannot be written comes out as it is', async () => {
  const aborted = new DOMException('stopped by hand', 'AbortError');
  await rejects(run(async () => Promise.reject(aborted)), (error) => {
    equal(error, aborted);
    match(String((error as Error).cause), /seed 1/);
    return true;
  });
  const frozen = Object.freeze(new TypeError('cold'));
  await rejects(run(async () => Promise.reject(frozen)), (error) => error === frozen);
  const odd = Object.defineProperty(new Error('odd'), 'message', { value: undefined });
  await rejects(run(async () => Promise.reject(odd)), (error) => error === odd);
  await rejects(run(async () => Promise.reject(new Error('warm'))), /^Error: warm \(seed 1\)$/);
});

test('cable refuses addresses that no interface can have, or both ends would', () => run(async (world) => {
  const refused = (options: object, message: RegExp): void => throws(() => world.cable(world.host(`a${n++}`), world.host(`b${n++}`), options), message);
  let n = 0;
  refused({ addressA: '192.0.2.1/24', addressB: '192.0.2.1/24' }, /both ends of a cable have the address 192\.0\.2\.1\/24/);
  refused({ addressA: ['192.0.2.1/24', '2001:db8::1/64'], addressB: ['192.0.2.2/24', '2001:db8:0::1/64'] }, /both ends/);
  refused({ addressA: ['192.0.2.1/24', '192.0.2.1/16'], addressB: '192.0.2.2/24' }, /192\.0\.2\.1\/16 is given twice/);
  for (const address of ['224.0.0.1/4', '127.0.0.2/8', '::1/128', 'ff02::1/16', '0.0.0.0/0', '255.255.255.255/32']) {
    refused({ addressA: '192.0.2.1/24', addressB: address }, new RegExp(`no interface can have the address ${address}`));
  }
}));
