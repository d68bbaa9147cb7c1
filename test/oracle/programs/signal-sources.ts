/** Who sends signals: kill and its permissions, timers, broken pipes, urgent data, O_ASYNC. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, F, IOCTL, MSG, O, SA, SHUT, SIG, SIG_MASK, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { caught, watch } from '../signal-watch.ts';
import { INET, linger, listener, pair, POLL, PORT, room, text } from '../toolkit.ts';

const RT = 34;
const SIG_IGN = 1;
const ITIMER_REAL = 0;

const killing: Program[] = [
  program('kill-whom', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    const list = await watch(p, SIG.SIGUSR1);
    await other.kill(pid, SIG.SIGUSR1);
    await env.settle();
    await caught(env, p, list);
    await other.sigqueue(pid, SIG.SIGUSR1, 42);
    await env.settle();
    await caught(env, p, list);
    await p.kill(0, SIG.SIGUSR1);
    await caught(env, p, list);
    await p.kill(-pid, SIG.SIGUSR1);
    await caught(env, p, list);
    for (const to of [pid, 0, -pid, -1]) await p.kill(to, 0);
    await env.attempt(p.kill(4_000_000, 0));
    await env.attempt(p.kill(-4_000_000, 0));
    await env.attempt(p.kill(4_000_000, 99));
    await env.attempt(p.kill(-0x80000000, 0));
    for (const signo of [65, -1, 1000]) {
      await env.attempt(p.kill(pid, signo));
      await env.attempt(p.kill(0, signo));
    }
    await env.attempt(p.sigqueue(4_000_000, 0, 1));
    await p.sigqueue(pid, 0, 1);
    await env.attempt(p.sigqueue(pid, 65, 1));
  }),
  program('kill-permission', async (env) => {
    const root = await env.signalProcess();
    const a = await env.signalProcess();
    const b = await env.signalProcess();
    const c = await env.fork(a);
    const pids = [await root.getpid(), await a.getpid(), await b.getpid(), await c.getpid()];
    await a.setresuid(1000, 1000, 1000);
    await b.setresuid(2000, 3000, 1000);
    await c.setresuid(4000, 4000, 4000);
    for (const [i, from] of [a, b, c, root].entries()) {
      for (const to of pids) await env.attempt(from.kill(to, i === 3 ? 0 : SIG.SIGWINCH));
      await env.attempt(from.kill(0, 0));
    }
    // Within a session SIGCONT may go to anybody, to a stranger it may not.
    await a.kill(pids[3] as number, SIG.SIGCONT);
    await env.attempt(c.kill(pids[0] as number, SIG.SIGCONT));
    await env.attempt(a.kill(pids[3] as number, SIG.SIGURG));
    await env.attempt(a.kill(pids[0] as number, 99));
    await env.attempt(a.sigqueue(pids[3] as number, SIG.SIGURG, 1));
  }),
];

const timers: Program[] = [
  program('alarm', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGALRM);
    await p.alarm(0);
    await p.alarm(100);
    await p.alarm(3);
    await p.getitimer(ITIMER_REAL);
    await p.alarm(0);
    await p.getitimer(ITIMER_REAL);
    await p.alarm(1);
    await env.attempt(p.pause());
    await caught(env, p, list);
    await p.alarm(0);
  }),
  program('setitimer', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGALRM);
    await p.setitimer(ITIMER_REAL, { valueUs: 30_000, intervalUs: 0 });
    await env.attempt(p.pause());
    await caught(env, p, list);
    await p.getitimer(ITIMER_REAL);
    await p.setitimer(ITIMER_REAL, { valueUs: 20_000, intervalUs: 30_000 });
    await env.attempt(p.pause());
    await env.attempt(p.pause());
    await p.getitimer(ITIMER_REAL);
    await p.setitimer(ITIMER_REAL, { valueUs: 0, intervalUs: 5_000 });
    await caught(env, p, list);
    await p.getitimer(ITIMER_REAL);
    await env.attempt(p.setitimer(ITIMER_REAL, { valueUs: -1, intervalUs: 0 }));
    await env.attempt(p.setitimer(3, { valueUs: 0, intervalUs: 0 }));
    await env.attempt(p.getitimer(7));
    // 450 ms are rounded to none, which would say that there was no timer.
    await p.setitimer(ITIMER_REAL, { valueUs: 450_000, intervalUs: 0 });
    await p.alarm(0);
    await p.setitimer(ITIMER_REAL, { valueUs: 3_450_000, intervalUs: 0 });
    await p.alarm(0);
    await p.setitimer(ITIMER_REAL, { valueUs: 3_950_000, intervalUs: 0 });
    await p.alarm(0);
  }),
  program('alarm-interrupts-recv', async (env) => {
    const p = await env.signalProcess();
    const { client } = await pair(p, INET);
    const list = await watch(p, SIG.SIGALRM);
    await p.setitimer(ITIMER_REAL, { valueUs: 30_000, intervalUs: 0 });
    await env.attempt(p.recv(client, room(4), 0));
    await caught(env, p, list);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGALRM]);
    await p.setitimer(ITIMER_REAL, { valueUs: 30_000, intervalUs: 0 });
    await p.sigwaitinfo([SIG.SIGALRM]);
  }),
];

/** A connected socket of `p` whose peer has reset the connection. */
async function broken(env: ProgramEnvironment, p: Syscalls): Promise<number> {
  const { client, server, listening } = await pair(p, INET);
  await p.setsockopt(server, SOL.SOCKET, SO.LINGER, linger(1, 0));
  await p.close(server);
  await p.close(listening);
  await env.settle();
  await env.attempt(p.recv(client, room(1), 0));
  return client;
}

const pipes: Program[] = [
  program('sigpipe-caught', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGPIPE, SA.RESTART);
    const fd = await broken(env, p);
    await env.attempt(p.write(fd, text('a')));
    await caught(env, p, list);
    await env.attempt(p.send(fd, text('a'), 0));
    await env.attempt(p.sendto(fd, text('a'), 0, null));
    await env.attempt(p.writev(fd, [text('a'), text('b')]));
    await caught(env, p, list);
    await env.attempt(p.send(fd, text('a'), MSG.NOSIGNAL));
    await env.attempt(p.sendmsg(fd, { iov: [text('a')] }, MSG.NOSIGNAL | MSG.DONTWAIT));
    await caught(env, p, list);
    await p.sigaction(SIG.SIGPIPE, { handler: SIG_IGN });
    await env.attempt(p.write(fd, text('a')));
    await p.sigaction(SIG.SIGPIPE, { handler: 0 });
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGPIPE]);
    await env.attempt(p.write(fd, text('a')));
    await p.sigtimedwait([SIG.SIGPIPE], 0);
  }),
  program('sigpipe-after-shutdown', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGPIPE);
    const { client } = await pair(p, INET);
    await p.shutdown(client, SHUT.WR);
    await env.attempt(p.write(client, text('a')));
    await caught(env, p, list);
    const dgram = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.connect(dgram, INET.loopback(PORT + 1));
    await p.shutdown(dgram, SHUT.WR);
    await env.attempt(p.write(dgram, text('a')));
    const fresh = await p.socket(AF.INET, SOCK.STREAM, 0);
    await env.attempt(p.write(fresh, text('a')));
    await caught(env, p, list);
  }),
  program('sigpipe-kills', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const fd = await broken(env, child);
    env.mayDie(child);
    void env.begin(child.write(fd, text('a')));
    await p.waitpid(-1);
  }),
];

const owners: Program[] = [
  program('fcntl-owner', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.fcntl(fd, F.GETOWN);
    await p.fcntl(fd, F.SETOWN, pid);
    await p.fcntl(fd, F.GETOWN);
    await p.fcntl(fd, F.SETOWN, -pid);
    await p.fcntl(fd, F.GETOWN);
    await env.attempt(p.fcntl(fd, F.SETOWN, 4_000_000));
    await env.attempt(p.fcntl(fd, F.SETOWN, -4_000_000));
    await p.fcntl(fd, F.GETOWN);
    await p.fcntl(fd, F.SETOWN, 0);
    await p.fcntl(fd, F.GETOWN);
    await p.fcntl(fd, F.GETSIG);
    await p.fcntl(fd, F.SETSIG, RT);
    await p.fcntl(fd, F.GETSIG);
    for (const signo of [65, -1]) await env.attempt(p.fcntl(fd, F.SETSIG, signo));
    await p.fcntl(fd, F.SETSIG, 0);
    await p.fcntl(fd, F.GETFL);
    await p.fcntl(fd, F.SETFL, O.ASYNC);
    await p.fcntl(fd, F.GETFL);
    const copy = await p.dup(fd);
    await p.fcntl(copy, F.GETFL);
    await p.fcntl(fd, F.SETFL, O.NONBLOCK);
    await p.fcntl(copy, F.GETFL);
    for (const command of [F.GETOWN, F.SETOWN, F.GETSIG, F.SETSIG]) await env.attempt(p.fcntl(99, command, 0));
  }),
  program('sigurg', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGURG);
    const { client, server } = await pair(p, INET);
    await p.send(client, text('1'), MSG.OOB);
    await env.settle();
    await caught(env, p, list);
    await p.fcntl(server, F.SETOWN, await p.getpid());
    await p.send(client, text('2'), MSG.OOB);
    await env.settle();
    await caught(env, p, list);
    await p.recv(server, room(1), MSG.OOB);
    // Urgent data interrupts a wait for ordinary data.
    const other = await env.process();
    const listening = await listener(other, INET, PORT + 1);
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.connect(fd, INET.loopback(PORT + 1));
    const peer = (await other.accept(listening)).fd;
    await p.fcntl(fd, F.SETOWN, await p.getpid());
    const waiting = env.begin(p.recv(fd, room(4), 0));
    await env.settle();
    await other.send(peer, text('!'), MSG.OOB);
    await env.attempt(waiting);
    await caught(env, p, list);
  }),
  program('sigio', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const io = await watch(p, SIG.SIGIO);
    const rt = await watch(p, RT, SA.SIGINFO);
    const { client, server, listening } = await pair(p, INET);
    await p.fcntl(server, F.SETOWN, pid);
    await p.write(client, text('a'));
    await env.settle();
    await caught(env, p, io);
    await p.fcntl(server, F.SETFL, O.ASYNC);
    await p.write(client, text('b'));
    await env.settle();
    await caught(env, p, io);
    await p.read(server, room(8));
    await p.fcntl(server, F.SETSIG, RT);
    await p.write(client, text('c'));
    await env.settle();
    await p.getpid();
    env.note('SIGIO', io.length);
    env.note('F_SETSIG', rt.splice(0).join(', '));
    await p.fcntl(server, F.SETFL, 0);
    await p.write(client, text('d'));
    await env.settle();
    await caught(env, p, rt);
    await p.fcntl(listening, F.SETOWN, pid);
    await p.fcntl(listening, F.SETFL, O.ASYNC);
    const other = await env.process();
    await other.connect(await other.socket(AF.INET, SOCK.STREAM, 0), INET.loopback(PORT));
    await env.settle();
    await caught(env, p, io);
    await p.poll([{ fd: listening, events: POLL.IN, revents: 0 }], 0);
    await p.fcntl(listening, F.GETFL);
    await p.ioctl(listening, IOCTL.FIONBIO);
  }),
];

/** What happens at a socket with an owner and O_ASYNC, one thing after the other, with the signals it sends. */
const notices: Program[] = [
  program('sigio-writer', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGIO);
    const { client, server } = await pair(p, INET);
    await p.fcntl(client, F.SETOWN, await p.getpid());
    await p.fcntl(client, F.SETFL, O.ASYNC);
    const step = async (): Promise<void> => {
      await env.settle();
      await caught(env, p, list);
    };
    await p.write(client, text('a'));
    await step();
    await p.read(server, room(8));
    await step();
    await p.shutdown(server, SHUT.WR);
    await step();
    await p.close(server);
    await step();
    await env.attempt(p.send(client, text('b'), MSG.NOSIGNAL));
    await step();
  }),
  program('sigio-shutdown', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, RT, SA.SIGINFO);
    const own = async (fd: number): Promise<void> => {
      await p.fcntl(fd, F.SETOWN, await p.getpid());
      await p.fcntl(fd, F.SETSIG, RT);
      await p.fcntl(fd, F.SETFL, O.ASYNC);
    };
    const step = async (): Promise<void> => {
      await env.settle();
      await caught(env, p, list);
    };
    // What one does oneself is no news: only waiting calls hear of it.
    for (const peerFirst of [false, true]) {
      for (const how of [SHUT.WR, SHUT.RD, SHUT.RDWR]) {
        const { client, server, listening } = await pair(p, INET, PORT + how + (peerFirst ? 10 : 0));
        await own(client);
        if (peerFirst) await p.shutdown(server, SHUT.WR);
        await step();
        await p.shutdown(client, how);
        await step();
        if (!peerFirst) await p.shutdown(server, SHUT.WR);
        await step();
        await own(listening);
        await p.shutdown(listening, SHUT.RD);
        await step();
      }
    }
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.connect(fd, INET.loopback(PORT));
    await own(fd);
    for (const how of [SHUT.RD, SHUT.WR]) {
      await p.shutdown(fd, how);
      await step();
    }
    for (const type of [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET]) {
      for (const how of [SHUT.WR, SHUT.RD, SHUT.RDWR]) {
        const [one, two] = await p.socketpair(AF.UNIX, type, 0);
        await own(one);
        await p.shutdown(one, how);
        await step();
        await p.shutdown(two, how);
        await step();
        await p.close(two);
        await step();
      }
    }
  }),
  program('sigio-dgram', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGIO);
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.bind(fd, INET.loopback(PORT));
    await p.fcntl(fd, F.SETOWN, -(await p.getpid()));
    await p.fcntl(fd, F.SETFL, O.ASYNC | O.NONBLOCK);
    const from = await p.socket(AF.INET, SOCK.DGRAM, 0);
    for (let i = 0; i < 2; i++) {
      await p.sendto(from, text('x'), 0, INET.loopback(PORT));
      await env.settle();
      await caught(env, p, list);
    }
    await env.attempt(p.sendto(fd, text('y'), 0, INET.loopback(PORT + 7)));
    await env.settle();
    await caught(env, p, list);
    // An owner of another user gets nothing of what a stranger asked for him.
    const child = await env.fork(p);
    const pid = await child.getpid();
    await child.setuid(54324);
    const theirs = await watch(child, SIG.SIGIO);
    await p.fcntl(fd, F.SETOWN, pid);
    await p.sendto(from, text('x'), 0, INET.loopback(PORT));
    await env.settle();
    await caught(env, child, theirs);
    await p.seteuid(54325);
    await p.fcntl(fd, F.SETOWN, pid);
    await p.seteuid(0);
    await p.sendto(from, text('x'), 0, INET.loopback(PORT));
    await env.settle();
    await caught(env, child, theirs);
    // The real user of who asked may be the owner's, too; and root asks for a whole group.
    await p.setresuid(54324, 54326, 0);
    await p.fcntl(fd, F.SETOWN, pid);
    await p.setresuid(0, 0, 0);
    await p.sendto(from, text('x'), 0, INET.loopback(PORT));
    await env.settle();
    await caught(env, child, theirs);
    await p.fcntl(fd, F.SETOWN, -(await p.getpid()));
    await p.sendto(from, text('x'), 0, INET.loopback(PORT));
    await env.settle();
    await caught(env, child, theirs);
    await caught(env, p, list);
  }),
];

export const programs: readonly Program[] = [...notices, ...killing, ...timers, ...pipes, ...owners];
