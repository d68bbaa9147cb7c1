/**
 * Plays a scene of test/node/cable-scenes.ts with the kernel's TCP at both ends: two namespaces, each with the kernel's side of a TAP
 * device, and between the two devices, in this process, a cable of ours, in real time. (Linux's own weather, netem, is a module that
 * many machines have not; and so it is the same weather.)
 *
 *   Node, kernel -- TAP -> cable.a ==== cable.b <- TAP -- kernel, Node
 */
import { equal } from 'node:assert/strict';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Cable } from '../../src/link/cable.ts';
import type { Device } from '../../src/link/device.ts';
import { NodeEnvironment } from '../../src/platform/node/environment.ts';
import { TapDevice } from '../../src/platform/node/tap.ts';
import { type CableScene, DELAY_US } from '../node/cable-scenes.ts';
import type { CablePlayed } from '../node/cable-world.ts';
import { server, transfer } from '../node/fault-programs.ts';
import { SYSCTLS } from '../node/fault-scenes.ts';
import { run } from './command.ts';
import { linesOf, script } from './fault-linux.ts';
import { Namespace } from './namespace.ts';

/** What one device receives, the other sends. */
function patch(one: Device, other: Device): void {
  for (const [from, to] of [[one, other], [other, one]] as const) {
    from.input = { frameInput: (_, p) => to.transmit(p), deviceChanged: () => {} };
  }
}

/** `nstat`'s names and numbers, of the kernel in there. */
function nstatOf(namespace: Namespace): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const file of ['snmp', 'netstat']) {
    const lines = namespace.run('cat', `/proc/net/${file}`).stdout.trim().split('\n').map((line) => line.split(' '));
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [names, values] = [lines[i] as string[], lines[i + 1] as string[]];
      const table = (names[0] as string).slice(0, -1);
      names.forEach((name, column) => {
        if (column > 0) counters[`${table}${name}`] = Number(values[column]);
      });
    }
  }
  return counters;
}

export class CableStage {
  private readonly scene: CableScene;
  private readonly loop = new Loop(new NodeEnvironment());
  private readonly cable: Cable;
  private readonly near = new Namespace();
  private readonly far = new Namespace();
  private readonly devices: TapDevice[] = [];

  constructor(scene: CableScene) {
    this.scene = scene;
    this.cable = new Cable(this.loop, new SeededRandom(scene.name), { delayUs: DELAY_US, offload: false, receiveOffload: false });
  }

  async play(): Promise<CablePlayed> {
    const { scene, cable, near, far } = this;
    try {
      patch(await this.plug(near, 'a', '10.0.1.1/24'), cable.a);
      patch(await this.plug(far, 'b', '10.0.1.2/24'), cable.b);
      const listening = far.start(process.execPath, '-e', script(server, 511, 80));
      await listening.says(/^listening$/m);
      const client = near.start(process.execPath, '-e', script(transfer, '10.0.1.2', 80));
      await client.says(/^connect$/m);
      cable.set(scene.conditions);
      const begun = performance.now();
      client.child.stdin?.write(`send ${scene.bytes}\n`);
      await client.says(/^close/m, 'stdout', 60);
      const seconds = (performance.now() - begun) / 1000;
      const counters = [nstatOf(near), nstatOf(far)];
      return {
        client: linesOf(client), seconds, wires: [{ ...cable.aToB.statistics }, { ...cable.bToA.statistics }],
        counted: (name) => counters.reduce((sum, each) => sum + (each[name] ?? 0), 0),
      };
    } finally {
      this.loop.stop();
      cable.sever();
      for (const device of this.devices) device.close();
      for (const namespace of [near, far]) namespace.remove();
    }
  }

  /** A TAP device whose kernel side is eth0 in the namespace. */
  private async plug(namespace: Namespace, letter: string, address: string): Promise<TapDevice> {
    const name = `sw${process.pid}${letter}`;
    // Each frame as it is on a wire: no segments of 64 KiB, and no checksum that is left to a card.
    const device = await TapDevice.open({ loop: this.loop, random: new SeededRandom(name), name, offload: false });
    this.devices.push(device);
    const moved = run(['ip', 'link', 'set', 'dev', name, 'netns', namespace.name]);
    equal(moved.status, 0, moved.stderr);
    namespace.run('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1', ...Object.entries(SYSCTLS).map(([key, value]) => `${key}=${value}`));
    namespace.run('ip', 'link', 'set', 'dev', name, 'name', 'eth0');
    namespace.run('ip', 'addr', 'add', address, 'dev', 'eth0');
    namespace.run('ip', 'link', 'set', 'eth0', 'up');
    // Ours; some machines begin with BBR, which makes little of losses. A namespace may not choose what its connections begin with, but a route may.
    namespace.run('ip', 'route', 'change', '10.0.1.0/24', 'dev', 'eth0', 'src', address.split('/')[0] as string, 'congctl', 'cubic');
    return device;
  }
}
