/** Plays a scene of fault-scenes.ts on hosts of a world. */
import net from 'node:net';
import { type NodeHost, type NodeWorld, simulate } from '../../src/entry/sim.node.ts';
import { client, type Commands, server } from './fault-programs.ts';
import { type Fault, type Scene, type Step, SYSCTLS } from './fault-scenes.ts';

export interface Heard {
  readonly clients: string[][];
  readonly server: string[];
  /** Seconds from the last `write` of the client to its end; NaN when it had none. */
  readonly seconds: number;
}

/** A program's mailbox. */
export class Mailbox {
  private listener: (command: string) => void = () => {};
  readonly commands: Commands = (listener) => {
    this.listener = listener;
  };

  send(command: string): void {
    this.listener(command);
  }
}

export function playInWorld(scene: Scene, seed: string | number = scene.name): Promise<Heard> {
  return simulate({ seed }, (world) => new WorldStage(world, scene).play());
}

class WorldStage {
  private readonly world: NodeWorld;
  private readonly scene: Scene;
  private readonly client: NodeHost;
  private readonly router: NodeHost;
  private readonly server: NodeHost;
  private readonly near;
  private readonly far;
  private readonly heard: { clients: string[][]; server: string[] } = { clients: [], server: [] };
  private readonly clients: Mailbox[] = [];
  private readonly serverBox: Mailbox = new Mailbox();
  private writtenAt = Number.NaN;
  private endedAt = Number.NaN;

  constructor(world: NodeWorld, scene: Scene) {
    this.world = world;
    this.scene = scene;
    this.client = world.host('client');
    this.router = world.router('router');
    this.server = world.host('server');
    this.near = world.cable(this.client, this.router, { delayUs: 100 });
    this.far = world.cable(this.router, this.server, { delayUs: 100 });
    for (const host of [this.client, this.server]) for (const [name, value] of Object.entries(SYSCTLS)) host.sysctl(name, value);
    for (const [name, value] of Object.entries(scene.sysctls ?? {})) this.client.sysctl(name, value);
  }

  async play(): Promise<Heard> {
    const { heard, scene, serverBox } = this;
    void this.server.run(() => server(net, scene.backlog ?? 511, 80, (what) => heard.server.push(what), serverBox.commands));
    await this.world.until(() => heard.server.includes('listening'));
    for (const step of scene.steps) await this.take(step);
    await this.world.sleep(300_000);
    return { ...heard, seconds: (this.endedAt - this.writtenAt) / 1e6 };
  }

  private async take(step: Step): Promise<void> {
    const { world, heard } = this;
    if ('pass' in step) return world.sleep(step.pass * 1e6);
    if ('fault' in step) return this.make(step.fault);
    if ('until' in step) {
      const said = heard.clients[step.n ?? 0] as string[];
      return world.until(() => said.some((what) => what.startsWith(step.until)), 200e6);
    }
    if ('server' in step) return this.serverBox.send(step.server);
    if ('client' in step) {
      this.writtenAt = world.now;
      return (this.clients[step.n ?? 0] as Mailbox).send(step.client);
    }
    const box = new Mailbox();
    const said: string[] = [];
    this.clients.push(box);
    heard.clients.push(said);
    const tell = (what: string): void => {
      said.push(what);
      this.endedAt = world.now;
    };
    void this.client.run(() => client(net, '10.0.2.2', 80, tell, box.commands));
  }

  private make(fault: Fault): void {
    const { router, server: far, client: near } = this;
    const reject = (action: 'reset' | 'port-unreachable' | 'host-unreachable' | 'prohibited'): void => {
      router.firewall.append('forward', { protocol: 'tcp', from: '10.0.1.1', action });
    };
    const stateful = (action: 'drop' | 'reset'): void => {
      router.firewall.append('forward', { state: 'established', action: 'accept' });
      router.firewall.append('forward', { protocol: 'tcp', syn: true, action: 'accept' });
      router.firewall.append('forward', { protocol: 'tcp', action });
    };
    switch (fault) {
      case 'drop': return router.firewall.policy('forward', 'drop');
      case 'allow': return router.firewall.policy('forward', 'accept');
      case 'reset': case 'port-unreachable': case 'host-unreachable': case 'prohibited': return reject(fault);
      case 'stateful': return stateful('drop');
      case 'stateful-reset': return stateful('reset');
      case 'forget': return void router.firewall.forget();
      case 'masquerade': return router.firewall.masquerade({ out: this.far.a });
      case 'cut near': return this.near.cut();
      case 'mend near': return this.near.mend();
      case 'cut far': return this.far.cut();
      case 'mend far': return this.far.mend();
      case 'link down': return near.setLink(this.near.a, false);
      case 'link up': return near.setLink(this.near.a, true);
      case 'route removed': return void near.deleteRoute('default');
      case 'stop server': return far.freeze();
      case 'continue server': return far.thaw();
      case 'kill server':
        for (const program of [...far.programs]) far.endProgram(program, 137, 9);
        return;
      case 'crash server': return far.crash();
      case 'restart server': return far.restart();
      case 'one way there': return this.near.block('aToB');
      case 'one way back': return this.far.block('bToA');
      case 'router stops forwarding': return void router.sysctl('net.ipv4.ip_forward', 0);
      case 'server drops': return void far.firewall.append('input', { protocol: 'tcp', port: 80, action: 'drop' });
      case 'server rejects': return void far.firewall.append('input', { protocol: 'tcp', port: 80, action: 'reject' });
      case 'server prohibits': return void far.firewall.append('input', { protocol: 'tcp', port: 80, action: 'prohibited' });
      case 'server resets': return void far.firewall.append('input', { protocol: 'tcp', port: 80, action: 'reset' });
      case 'client forbids itself': return near.firewall.policy('output', 'drop');
      case 'client rejects itself': return void near.firewall.append('output', { protocol: 'tcp', action: 'reject' });
      default: throw new Error(`no fault: ${fault satisfies never}`);
    }
  }
}
