/** A spawned program makes 20,000 calls of its kernel in one turn. Each line on standard input is one round, answered by calls per second. */
import net from 'node:net';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { simulate } from 'sockscape/sim';

const CALLS = 20_000;
/** The clock of the machine: in a world `performance.now` is the world's. */
const now = () => Object.getPrototypeOf(performance).now.call(performance);

async function round(seed) {
  return simulate({ seed }, async (world) => {
    const host = world.host('host');
    host.spawn(new URL('./spawned-child.mjs', import.meta.url), [String(CALLS)]);
    await world.sleep(1);
    return host.run(async () => {
      const socket = net.connect(7);
      await once(socket, 'connect');
      const begun = now();
      socket.write('go');
      await once(socket, 'data');
      return CALLS / ((now() - begun) / 1000);
    });
  });
}

let seed = 1;
for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await round(seed++)}\n`);
