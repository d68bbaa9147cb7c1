/** node:dns and node:dns/promises that were loaded before sockscape ask the hosts of the world, and the machine's outside of it. */
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { SimFolder } from './sim-process.ts';

const folder = new SimFolder();

test('names are those of the world, whoever was loaded first', () => {
  deepEqual(folder.result(`
    import dns from 'node:dns';
    import promises, { lookup } from 'node:dns/promises';
    import { simulate } from './sim.mjs';
    const told = await simulate({ seed: 1 }, async (world) => {
      const client = world.host('client');
      world.cable(client, world.host('server'));
      return client.run(async () => [
        await promises.lookup('server'), await lookup('server', { all: true }), await dns.promises.lookup('server', 4),
        await promises.lookupService('10.0.1.2', 80), await lookup('nobody').catch((error) => error.code),
      ]);
    });
    console.log(JSON.stringify([...told, await lookup('server.invalid').catch((error) => error.syscall), await lookup('127.0.0.1')]));`), [
    { address: '10.0.1.2', family: 4 }, [{ address: '10.0.1.2', family: 4 }], { address: '10.0.1.2', family: 4 },
    { hostname: 'server', service: 'http' }, 'EAI_AGAIN', 'getaddrinfo', { address: '127.0.0.1', family: 4 },
  ]);
});
