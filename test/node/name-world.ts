/** Plays a scene of name-scenes.ts on hosts of a world. */
import dgram from 'node:dgram';
import net from 'node:net';
import { simulate } from '../../src/entry/sim.node.ts';
import { lookUp, nameServer, server } from './fault-programs.ts';
import { addressOf, NAME, type NameScene, type NamesPlayed, RESOLVING, resolvConf } from './name-scenes.ts';

// Not at the top: what a program takes from node:dns before sockscape/sim is there is the machine's.
const dns = await import('node:dns');

export function playNamesInWorld(scene: NameScene): Promise<NamesPlayed> {
  return simulate({ seed: scene.name }, async (world) => {
    const [near, far] = [world.host('client'), world.host('server')];
    const cable = world.cable(near, far, { delayUs: 100, addressA: '10.0.1.1/24', addressB: [0, 1].map((i) => `${addressOf(i)}/24`) });
    // No IPv6 here, as in the namespaces: with a link-local address, which is usable after its test, `connect` would ask for AAAA too.
    await world.sleep(3e6);
    const linkLocal = near.network.interfaceOf(cable.a)?.linkLocal();
    if (linkLocal) near.network.removeAddress(cable.a, linkLocal.address);
    near.writeFile('/etc/hosts', '');
    near.writeFile('/etc/resolv.conf', resolvConf(scene));
    const said: string[][] = scene.servers.map(() => []);
    const client: [string, number][] = [];
    void far.run(() => server(net, 511, 80, () => {}, () => {}));
    scene.servers.forEach((does, i) => {
      if (does !== null) void far.run(() => nameServer(dgram, addressOf(i), does, (what) => said[i]?.push(what)));
    });
    await world.sleep(1000);
    void near.run(() => lookUp(dns, net, NAME, RESOLVING, (what, seconds) => client.push([what, seconds])));
    await world.until(() => client.some(([what]) => what.startsWith('close')), 60e6);
    return { client, asked: said.map((one) => one.filter((what) => what !== 'listening').map((what) => what.slice('asked '.length)).join(' ')) };
  });
}
