/**
 * Plays a scene of test/node/fault-scenes.ts between three namespaces of Linux, with Node processes whose sockets are the
 * kernel's, and faults made by ip, iptables and kill.
 */
import { client, server } from '../node/fault-programs.ts';
import { type Fault, type Scene, type Step, SYSCTLS } from '../node/fault-scenes.ts';
import type { Running } from './command.ts';
import { Namespace } from './namespace.ts';

/** IPCTNL_MSG_CT_DELETE without a tuple, in the namespace it is run in: what `conntrack -F` does. */
const FORGET = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
s.send(struct.pack('=IHHIIBBH', 20, (1 << 8) | 2, 5, 1, 0, 2, 0, 0))
length, kind, flags, seq, pid, error = struct.unpack_from('=IHHIIi', s.recv(4096))
assert kind == 2 and error == 0, (kind, error)
`;

/** A program of fault-programs.ts as the text of a script: says lines, and is told lines. */
export function script(program: (...args: never[]) => void, ...args: readonly unknown[]): string {
  return `
    const tell = (what) => process.stdout.write(what + '\\n');
    const commands = (listener) => {
      let text = '';
      process.stdin.setEncoding('utf8').on('data', (more) => {
        const lines = (text + more).split('\\n');
        text = lines.pop();
        lines.forEach(listener);
      });
      process.stdin.unref();
    };
    (${String(program)})(require('node:net'), ${args.map((arg) => JSON.stringify(arg)).join(', ')}, tell, commands);
  `;
}

export const linesOf = ({ stdout }: Running): string[] => stdout.split('\n').slice(0, -1);
export const pass = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export interface HeardOnLinux {
  readonly clients: string[][];
  readonly server: string[];
  /** From the last `write` of the client to its end. */
  readonly seconds: number;
}

export class LinuxStage {
  private readonly scene: Scene;
  private readonly client = new Namespace();
  private readonly router = new Namespace();
  private server = new Namespace();
  private readonly namespaces = [this.client, this.router, this.server];
  private readonly clients: Running[] = [];
  private readonly servers: Running[] = [];
  private writtenAt = Number.NaN;

  constructor(scene: Scene) {
    this.scene = scene;
    const { client: near, router, server: far } = this;
    near.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'near', 'netns', router.name);
    far.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far', 'netns', router.name);
    for (const namespace of this.namespaces) this.set(namespace, { 'net.ipv6.conf.all.disable_ipv6': '1' });
    this.setUp(near, 'eth0', '10.0.1.1/24', '10.0.1.2');
    this.setUp(router, 'near', '10.0.1.2/24', null);
    this.setUp(router, 'far', '10.0.2.1/24', null);
    this.setUp(far, 'eth0', '10.0.2.2/24', '10.0.2.1');
    this.set(router, { 'net.ipv4.ip_forward': '1' });
    if (scene.sysctls !== undefined) this.set(near, scene.sysctls);
  }

  private set(namespace: Namespace, settings: Readonly<Record<string, string>>): void {
    namespace.run('sysctl', '-q', '-w', ...Object.entries(settings).map(([name, value]) => `${name}=${value}`));
  }

  private setUp(namespace: Namespace, device: string, address: string, gateway: string | null): void {
    namespace.run('ip', 'addr', 'add', address, 'dev', device);
    namespace.run('ip', 'link', 'set', device, 'up');
    if (gateway === null) return;
    namespace.run('ip', 'route', 'add', 'default', 'via', gateway);
    this.set(namespace, SYSCTLS);
  }

  async play(): Promise<HeardOnLinux> {
    try {
      await this.startServer();
      for (const step of this.scene.steps) await this.take(step);
      const seconds = (performance.now() - this.writtenAt) / 1000;
      await pass(0.3);
      return { clients: this.clients.map(linesOf), server: this.servers.flatMap(linesOf), seconds };
    } finally {
      for (const running of [...this.clients, ...this.servers]) running.child.kill('SIGKILL');
      for (const namespace of this.namespaces) namespace.remove();
    }
  }

  private async startServer(): Promise<void> {
    const running = this.server.start(process.execPath, '-e', script(server, this.scene.backlog ?? 511, 80));
    this.servers.push(running);
    await running.says(/^listening$/m);
  }

  private async take(step: Step): Promise<void> {
    if ('pass' in step) return pass(step.pass);
    if ('fault' in step) return this.make(step.fault);
    if ('until' in step) return void (await (this.clients[step.n ?? 0] as Running).says(new RegExp(`^${step.until}`, 'm'), 'stdout', 60));
    if ('server' in step) return void this.servers.at(-1)?.child.stdin?.write(`${step.server}\n`);
    if ('client' in step) {
      this.writtenAt = performance.now();
      return void this.clients[step.n ?? 0]?.child.stdin?.write(`${step.client}\n`);
    }
    this.clients.push(this.client.start(process.execPath, '-e', script(client, '10.0.2.2', 80)));
  }

  private async make(fault: Fault): Promise<void> {
    const { router, client: near, server: far } = this;
    const rule = (namespace: Namespace, ...words: string[]): void => void namespace.run('iptables', ...words);
    const reject = (how: string): void => rule(router, '-A', 'FORWARD', '-p', 'tcp', '-s', '10.0.1.1', '-j', 'REJECT', '--reject-with', how);
    const answer = (...how: string[]): void => rule(far, '-A', 'INPUT', '-p', 'tcp', '--dport', '80', '-j', ...how);
    const stateful = (...how: string[]): void => {
      rule(router, '-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT');
      rule(router, '-A', 'FORWARD', '-p', 'tcp', '--syn', '-j', 'ACCEPT');
      rule(router, '-A', 'FORWARD', '-p', 'tcp', '-j', ...how);
    };
    const kill = (signal: NodeJS.Signals): void => void this.servers.at(-1)?.child.kill(signal);
    switch (fault) {
      case 'drop': return rule(router, '-P', 'FORWARD', 'DROP');
      case 'allow': return rule(router, '-P', 'FORWARD', 'ACCEPT');
      case 'reset': return reject('tcp-reset');
      case 'port-unreachable': return reject('icmp-port-unreachable');
      case 'host-unreachable': return reject('icmp-host-unreachable');
      case 'prohibited': return reject('icmp-admin-prohibited');
      case 'stateful': return stateful('DROP');
      case 'stateful-reset': return stateful('REJECT', '--reject-with', 'tcp-reset');
      case 'forget': return void router.run('python3', '-c', FORGET);
      case 'masquerade': return rule(router, '-t', 'nat', '-A', 'POSTROUTING', '-o', 'far', '-j', 'MASQUERADE');
      case 'cut near': return void router.run('ip', 'link', 'set', 'near', 'down');
      case 'mend near': return void router.run('ip', 'link', 'set', 'near', 'up');
      case 'cut far': return void far.run('ip', 'link', 'set', 'eth0', 'down');
      case 'mend far':
        far.run('ip', 'link', 'set', 'eth0', 'up');
        return void far.run('ip', 'route', 'add', 'default', 'via', '10.0.2.1');
      case 'link down': return void near.run('ip', 'link', 'set', 'eth0', 'down');
      case 'link up': return void near.run('ip', 'link', 'set', 'eth0', 'up');
      case 'route removed': return void near.run('ip', 'route', 'del', 'default');
      case 'stop server': return kill('SIGSTOP');
      case 'continue server': return kill('SIGCONT');
      case 'kill server': return kill('SIGKILL');
      case 'crash server':
        // What no dying process may do: say FIN, or be found by ARP.
        rule(far, '-P', 'OUTPUT', 'DROP');
        rule(far, '-P', 'INPUT', 'DROP');
        far.run('ip', 'link', 'set', 'eth0', 'arp', 'off');
        return kill('SIGKILL');
      case 'restart server': {
        // Another kernel's table of connections, and the same card.
        const fresh = new Namespace();
        this.namespaces.push(fresh);
        this.set(fresh, { 'net.ipv6.conf.all.disable_ipv6': '1' });
        far.run('ip', 'link', 'set', 'eth0', 'netns', fresh.name);
        fresh.run('ip', 'link', 'set', 'eth0', 'arp', 'on');
        this.server = fresh;
        this.setUp(fresh, 'eth0', '10.0.2.2/24', '10.0.2.1');
        return this.startServer();
      }
      case 'one way there': return rule(router, '-t', 'raw', '-A', 'PREROUTING', '-i', 'near', '-j', 'DROP');
      case 'one way back': return rule(router, '-t', 'raw', '-A', 'PREROUTING', '-i', 'far', '-j', 'DROP');
      case 'router stops forwarding': return this.set(router, { 'net.ipv4.ip_forward': '0' });
      case 'server drops': return answer('DROP');
      case 'server rejects': return answer('REJECT');
      case 'server prohibits': return answer('REJECT', '--reject-with', 'icmp-admin-prohibited');
      case 'server resets': return answer('REJECT', '--reject-with', 'tcp-reset');
      case 'client forbids itself': return rule(near, '-P', 'OUTPUT', 'DROP');
      case 'client rejects itself': return rule(near, '-A', 'OUTPUT', '-p', 'tcp', '-j', 'REJECT');
      default: throw new Error(`no fault: ${fault satisfies never}`);
    }
  }
}
