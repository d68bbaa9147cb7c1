/**
 * Plays a scene of test/node/name-scenes.ts on Linux: in one namespace the name servers, in the other an unchanged client, whose
 * resolvers are the C library's and c-ares, with an /etc of its own.
 */
import { lookUp, nameServer, server } from '../node/fault-programs.ts';
import { addressOf, NAME, type NameScene, type NamesPlayed, RESOLVING, resolvConf } from '../node/name-scenes.ts';
import { linesOf, pass, script } from './fault-linux.ts';
import { Namespace } from './namespace.ts';

/** `node:NAME` of each word, then what the program takes, then `tell`: the text of a script. */
function withModules(modules: readonly string[], program: (...args: never[]) => void, ...args: readonly unknown[]): string {
  const required = modules.map((name) => `require('node:${name}')`);
  return `(${String(program)})(${[...required, ...args.map((arg) => JSON.stringify(arg))].join(', ')}, (...said) => console.log(said.join(' @ ')));`;
}

export async function playNamesOnLinux(scene: NameScene): Promise<NamesPlayed> {
  const [near, far] = [new Namespace(), new Namespace()];
  try {
    near.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name);
    for (const [namespace, addresses] of [[near, ['10.0.1.1']], [far, [addressOf(0), addressOf(1)]]] as const) {
      namespace.run('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1');
      for (const address of addresses) namespace.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      namespace.run('ip', 'link', 'set', 'eth0', 'up');
    }
    const servers = scene.servers.map((does, i) => (does === null ? null : far.start(process.execPath, '-e', withModules(['dgram'], nameServer, addressOf(i), does))));
    const web = far.start(process.execPath, '-e', script(server, 511, 80));
    for (const each of [...servers, web]) await each?.says(/^listening$/m);
    const etc = [
      'mount -t tmpfs none /etc', 'printf %s "$1" > /etc/resolv.conf', 'echo "hosts: files dns" > /etc/nsswitch.conf', 'shift', 'exec "$@"',
    ].join(' && ');
    const words = [process.execPath, '-e', withModules(['dns', 'net'], lookUp, NAME, RESOLVING)];
    const client = near.start('unshare', '--mount', 'sh', '-c', etc, 'sh', resolvConf(scene), ...words);
    await client.says(/^close/m, 'stdout', 60);
    // What the servers have said may still be on its way here.
    await pass(0.3);
    return {
      client: linesOf(client).map((line) => {
        const [what, seconds] = line.split(' @ ') as [string, string];
        return [what, Number(seconds)];
      }),
      asked: servers.map((each) => (each === null ? [] : linesOf(each)).filter((line) => line !== 'listening').map((line) => line.slice('asked '.length)).join(' ')),
    };
  } finally {
    for (const namespace of [near, far]) namespace.remove();
  }
}
