/**
 * A host of ours in the test's own process, with TAP devices whose kernel sides are moved into network namespaces.
 *
 * The `tap` command has one device and one namespace; a test that wants several needs no more of it, and has the host's
 * counters, routes and MTUs at hand.
 */
import { equal } from 'node:assert/strict';
import { parseCidr } from '../../src/base/inet-address.ts';
import { Loop } from '../../src/base/loop.ts';
import { CommandHosts, NOTHING } from '../../src/cli/leftovers.ts';
import type { Host } from '../../src/host.ts';
import { NodeEnvironment } from '../../src/platform/node/environment.ts';
import { TapDevice } from '../../src/platform/node/tap.ts';
import { run } from './command.ts';
import type { Namespace } from './namespace.ts';

export class TapHost {
  readonly host: Host;
  private readonly loop: Loop;
  private readonly devices: TapDevice[] = [];
  private readonly environment = new NodeEnvironment();
  private readonly hosts = new CommandHosts();

  constructor() {
    this.loop = new Loop(this.environment);
    this.host = this.hosts.make({ name: 'ours', loop: this.loop, random: this.environment.entropy });
  }

  /** A device with these addresses, whose kernel side, of the same name, is up in the namespace. */
  async connect(namespace: Namespace, addresses: readonly string[], offload = true): Promise<TapDevice> {
    const name = `ss${process.pid}${'abc'[this.devices.length]}`;
    const device = await TapDevice.open({ loop: this.loop, random: this.environment.entropy, offload, name });
    this.devices.push(device);
    const moved = run(['ip', 'link', 'set', 'dev', name, 'netns', namespace.name]);
    equal(moved.status, 0, moved.stderr);
    namespace.run('ip', 'link', 'set', 'dev', name, 'up');
    this.host.attach(device);
    for (const text of addresses) {
      const { address, prefixLength } = parseCidr(text) as NonNullable<ReturnType<typeof parseCidr>>;
      equal(this.host.addAddress(device, address, prefixLength), 0);
    }
    return device;
  }

  /** Another host that lives as long, for the other end of a cable. */
  beside(name: string): Host {
    return this.hosts.make({ name, loop: this.loop, random: this.environment.entropy });
  }

  /** Resolves when all addresses have passed their test. */
  async settled(): Promise<void> {
    const isTentative = (): boolean => this.host.network.interfaces().some((entry) => entry.addresses.some((own) => own.tentative));
    while (isTentative()) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Switches the hosts off. Nothing of them may be left then. */
  close(): void {
    const left = this.hosts.end(() => {
      this.loop.stop();
      for (const device of this.devices) device.close();
    });
    equal(left, NOTHING);
  }
}
