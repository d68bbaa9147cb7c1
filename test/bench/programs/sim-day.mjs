/**
 * One host, one interval of a second, 24 virtual hours. Each line on standard input is one round, answered by the real
 * seconds that it took, making the world included.
 */
// First: it takes the machine's clock before sockscape replaces it.
import { now } from './machine-clock.mjs';
import { createInterface } from 'node:readline';
import { simulate } from 'sockscape/sim';

const TICKS = 24 * 3600;

async function day(seed) {
  const begun = now();
  const took = await simulate({ seed }, (world) => world.host('a').run(() => new Promise((done) => {
    const midnight = Date.now();
    let ticks = 0;
    const interval = setInterval(() => {
      if (++ticks < TICKS) return;
      clearInterval(interval);
      done(Date.now() - midnight);
    }, 1000);
  })));
  if (took !== TICKS * 1000) throw new Error(`sim-day: ${TICKS} ticks took ${took} ms of the world's time`);
  return (now() - begun) / 1000;
}

let seed = 1;
for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await day(seed++)}\n`);
