/**
 * A hundred hosts on a switch, ten idle TCP connections each, keepalive every 30 s, one virtual hour. Each line on standard
 * input is one round, answered by virtual seconds per real second.
 */
// First: it takes the machine's clock before sockscape replaces it.
import { now } from './machine-clock.mjs';
import { createInterface } from 'node:readline';
import {
  AF_INET, int32, IPPROTO_TCP, Process, SO_KEEPALIVE, SOCK_STREAM, SOL_SOCKET, sockaddrIn, TCP_KEEPIDLE, TCP_KEEPINTVL,
} from 'sockscape';
import { simulate } from 'sockscape/sim';

const HOSTS = 100;
const CONNECTIONS_PER_HOST = 10;
const HOUR_S = 3600;
const KEEP_ALIVE_S = 30;
const PORT = 7;
/** Each of the thousand connections is probed every 30 s from one side at least, and every probe and answer is a frame. */
const LEAST_EVENTS = (HOSTS * CONNECTIONS_PER_HOST * HOUR_S) / KEEP_ALIVE_S;

async function connectAll(processes) {
  const listeners = await Promise.all(processes.map(async (process) => {
    const fd = await process.socket(AF_INET, SOCK_STREAM, 0);
    await process.bind(fd, sockaddrIn('0.0.0.0', PORT));
    await process.listen(fd, CONNECTIONS_PER_HOST);
    return fd;
  }));
  for (const [i, process] of processes.entries()) {
    for (let n = 1; n <= CONNECTIONS_PER_HOST; n++) {
      const to = (i + n) % HOSTS;
      const address = processes[to].host.addresses().find((text) => text.startsWith('10.')).split('/')[0];
      const fd = await process.socket(AF_INET, SOCK_STREAM, 0);
      await process.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, int32(1));
      await process.setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, int32(KEEP_ALIVE_S));
      await process.setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, int32(KEEP_ALIVE_S));
      await process.connect(fd, sockaddrIn(address, PORT));
      await processes[to].accept(listeners[to]);
    }
  }
}

async function hour(seed) {
  return simulate({ seed, timeLimitUs: 2 * HOUR_S * 1e6 }, async (world) => {
    const hub = world.switch();
    const hosts = Array.from({ length: HOSTS }, (_, i) => world.host(`h${i}`));
    for (const host of hosts) world.cable(host, hub, { delayUs: 100 });
    await connectAll(hosts.map((host) => new Process(host, 'idle')));
    const events = world.loop.eventCount;
    const begun = now();
    await world.sleep(HOUR_S * 1e6);
    const seconds = (now() - begun) / 1000;
    const counted = world.loop.eventCount - events;
    if (counted < LEAST_EVENTS) throw new Error(`sim-hour: ${counted} events, which is less than the connections have to do`);
    return HOUR_S / seconds;
  });
}

let seed = 1;
for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await hour(seed++)}\n`);
