/**
 * A hundred hosts on a switch, ten idle TCP connections each, keepalive every 30 s, one virtual hour. Run by sim-hour.mjs with the
 * package, and by test/sim/idle-hour.test.ts with the sources.
 */
const HOSTS = 100;
const CONNECTIONS_PER_HOST = 10;
export const HOUR_S = 3600;
const KEEP_ALIVE_S = 30;
/** net.ipv4.neigh.default.delay_first_probe_time */
const NEIGHBOUR_DELAY_S = 5;
const PORT = 7;

async function connectAll(api, processes) {
  const { AF_INET, int32, IPPROTO_TCP, SO_KEEPALIVE, SOCK_STREAM, SOL_SOCKET, sockaddrIn, TCP_KEEPIDLE, TCP_KEEPINTVL } = api;
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

/**
 * How many events the hour has, at least and at most: what passes in it is known. Each frame is on two cables, the sender's and the
 * receiver's, and is an event at the end of each.
 *
 *   probes       119 or 120 of each connection, and as many answers; a timer for each, and often another one: the first finds that the
 *                last answer has come since it was set, and waits for the rest of the 30 s
 *   neighbours   both ends of a connection use the other's address every 30 s. Once the time for which their host believes an answer
 *                of ARP has passed (15 to 45 s, drawn by each) the next use begins 5 s at whose end it asks again: a question, an
 *                answer and a timer, every 30 s or every 60
 *   groups       what hosts report in the first seconds of the hour goes to everybody
 */
export function eventBounds(hosts) {
  const connections = HOSTS * CONNECTIONS_PER_HOST;
  const probes = { least: connections * (HOUR_S / KEEP_ALIVE_S - 1), most: (connections * HOUR_S) / KEEP_ALIVE_S };
  const questions = { least: 0, most: 0 };
  for (const { network } of hosts) {
    const everyS = KEEP_ALIVE_S * (Math.floor((network.neighbours4.reachableUs / 1e6 + NEIGHBOUR_DELAY_S) / KEEP_ALIVE_S) + 1);
    // Each host has ten connections of its own and ten of others.
    questions.least += 2 * CONNECTIONS_PER_HOST * (HOUR_S / everyS - 1);
    questions.most += 2 * CONNECTIONS_PER_HOST * (HOUR_S / everyS + 1);
  }
  const frames = 2;
  const hops = 2;
  const reports = 2 * HOSTS * HOSTS;
  return {
    probes,
    questions,
    events: {
      least: (probes.least + questions.least) * (frames * hops + 1),
      most: (probes.most + questions.most) * (frames * hops + 2) + reports,
    },
  };
}

/**
 * Connects everybody, and lets the hour pass. `api` is the package. `begins` is called with the hosts at the beginning of the hour,
 * `ends` at its end, with the events that were counted meanwhile; its result is the result.
 */
export function idleHour(api, seed, begins, ends) {
  return api.simulate({ seed, timeLimitUs: 2 * HOUR_S * 1e6 }, async (world) => {
    const hub = world.switch();
    const hosts = Array.from({ length: HOSTS }, (_, i) => world.host(`h${i}`));
    for (const host of hosts) world.cable(host, hub, { delayUs: 100 });
    await connectAll(api, hosts.map((host) => new api.Process(host, 'idle')));
    const before = world.loop.eventCount;
    begins(hosts);
    await world.sleep(HOUR_S * 1e6);
    return ends(world.loop.eventCount - before, hosts);
  });
}
