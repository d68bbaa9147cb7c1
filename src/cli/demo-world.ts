/**
 * The world of `sockscape demo`, in which programs run, too: two hosts on a cable, and a server on one of them that
 * answers `You wrote: LINE`.
 *
 *   client, 192.0.2.1 2001:db8::1 --- 192.0.2.2 2001:db8::2, server
 */
import { Process } from '../api/posix/process.ts';
import type { Environment } from '../base/environment.ts';
import { IpAddress } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import type { RandomSource } from '../base/random.ts';
import type { Host } from '../host.ts';
import { Cable } from '../link/cable.ts';
import { CaptureTee } from '../link/capture-tee.ts';
import { wrote } from '../programs/wrote.ts';
import type { CaptureOutput } from './capture-output.ts';
import { CommandHosts } from './leftovers.ts';
import { complain } from './output.ts';

export const CLIENT = '192.0.2.1';
export const SERVER = '192.0.2.2';
const CLIENT6 = '2001:db8::1';
const SERVER6 = '2001:db8::2';
const PREFIX_LENGTH = 24;
const PREFIX_LENGTH6 = 64;
const CABLE_DELAY_US = 250;

/** Two hosts on a cable, the server listening, and perhaps somebody who looks at its card. */
export class DemoWorld {
  readonly client: Host;
  readonly server: Host;
  private readonly capture: CaptureOutput | null;
  private readonly loop: Loop;
  private readonly cable: Cable;
  private readonly made = new CommandHosts();

  constructor(environment: Environment, random: (host: string) => RandomSource, capture: CaptureOutput | null) {
    this.capture = capture;
    this.loop = new Loop(environment);
    const cable = new Cable(this.loop, random('cable'), { delayUs: CABLE_DELAY_US });
    this.cable = cable;
    this.client = this.made.make({ name: 'client', loop: this.loop, random: random('client') });
    this.server = this.made.make({ name: 'server', loop: this.loop, random: random('server') });
    for (const [host, device, address, mac] of [
      [this.client, cable.a, CLIENT, 1],
      [this.server, cable.b, SERVER, 2],
    ] as const) {
      device.macHi = 0x0200;
      device.macLo = mac;
      host.attach(device);
      host.addAddress(device, IpAddress.from(address), PREFIX_LENGTH);
    }
    if (capture === null) return;
    capture.host = this.server.name;
    new CaptureTee(cable.b, this.loop, capture);
  }

  /** By name; the first is where programs run unless somebody says where. */
  get hosts(): ReadonlyMap<string, Host> {
    return new Map([['client', this.client], ['server', this.server]]);
  }

  /** What programs like to find: IPv6 addresses that can be used at once, and names for the hosts. */
  prepareForPrograms(): void {
    const { client, server, cable } = this;
    for (const [host, device, address] of [[client, cable.a, CLIENT6], [server, cable.b, SERVER6]] as const) {
      host.network.addAddress(device, IpAddress.from(address), PREFIX_LENGTH6, { nodad: true });
      host.writeFile('/etc/hosts', `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${CLIENT}\tclient\n${SERVER}\tserver\n` +
        `${CLIENT6}\tclient\n${SERVER6}\tserver\n`);
    }
  }

  /** Resolves when the server listens on a host. */
  startServer(host: Host = this.server): Promise<void> {
    const process = new Process(host, 'wrote', { output: complain });
    return new Promise((resolve, reject) => {
      wrote(process, [], resolve).then((status) => reject(new Error(`the server ended: ${status}`)), reject);
    });
  }

  /** Switches both hosts off. */
  stop(): void {
    this.made.end(() => {
      this.cable.sever();
      this.loop.stop();
      this.capture?.close();
    });
  }
}
