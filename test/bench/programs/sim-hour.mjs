/**
 * One virtual hour of a hundred hosts with a thousand idle connections (idle-hour.mjs). Each line on standard input is one round,
 * answered by virtual seconds per real second, and by how many events were counted.
 */
// First: it takes the machine's clock before sockscape replaces it.
import { now } from './machine-clock.mjs';
import { createInterface } from 'node:readline';
import * as sockscape from 'sockscape';
import { simulate } from 'sockscape/sim';
import { eventBounds, HOUR_S, idleHour } from './idle-hour.mjs';

function round(seed) {
  let begun = 0;
  const begins = () => {
    begun = now();
  };
  return idleHour({ ...sockscape, simulate }, seed, begins, (events, hosts) => {
    const seconds = (now() - begun) / 1000;
    const { least, most } = eventBounds(hosts).events;
    if (events < least || events > most) throw new Error(`sim-hour: ${events} events, where the hour has ${least} to ${most}`);
    return `${HOUR_S / seconds} ${events.toLocaleString('en-US')} events`;
  });
}

let seed = 1;
for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await round(seed++)}\n`);
