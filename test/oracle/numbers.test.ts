/**
 * The project's constants against the C headers of this machine: a small C program prints what each name means there.
 * Otherwise a wrong number would be asked of both kernels, and no comparison of answers could show it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as icmp from '../../src/api/posix/icmp-constants.ts';
import { Errno } from '../../src/base/errno.ts';
import { CloseRange } from '../../src/kernel/calls/descriptors.ts';
import { Resource } from '../../src/kernel/resource-limits.ts';
import { ActionFlag, MaskHow, Signal, SignalCode } from '../../src/kernel/signal-numbers.ts';
import { WaitFlag } from '../../src/kernel/wait-child.ts';
import {
  AF, ETH_P, F, IOCTL, IP, IPPROTO, IPV6, MCAST, MCAST_MODE, NETLINK, NETLINK_PROTOCOL, O, PACKET, PACKET_MR, PACKET_TYPE, SCM, SO, SOCK, SOL,
  TCP, TP_STATUS,
} from '../../src/socket/constants.ts';
import { Msg, Shut } from '../../src/transport/endpoint.ts';
import { NLM_F, NLMSG } from '../../src/wire/netlink.ts';
import {
  IFA, IFA_F, IFAPROT, IFLA, NDA, NTF, RT_SCOPE, RT_TABLE, RTA, RTM, RTM_F, RTN, RTNH_F, RTNLGRP, RTPROT,
} from '../../src/wire/netlink-route.ts';
import { POLL } from './names.ts';

const HEADERS = [
  'errno.h', 'fcntl.h', 'poll.h', 'sys/ioctl.h', 'sys/socket.h', 'netinet/in.h', 'netinet/tcp.h', 'netinet/ip_icmp.h', 'netinet/icmp6.h', 'linux/sockios.h',
  'asm/socket.h', 'signal.h', 'sys/wait.h', 'sys/resource.h', 'linux/close_range.h', 'linux/if_ether.h', 'linux/if_packet.h',
  'linux/netlink.h', 'linux/rtnetlink.h', 'linux/if_link.h', 'linux/if_addr.h', 'linux/neighbour.h', 'linux/if.h',
];

/** SI_ is left out where the names are short: the codes of SIGCHLD and SIGIO have their own prefix. */
const SIGNAL_CODES = Object.fromEntries(
  Object.entries(SignalCode).map(([name, value]) => [name.includes('_') ? name : `SI_${name}`, value]),
);

const GROUPS: readonly [string, Readonly<Record<string, number>>][] = [
  ['', Errno], ['AF_', AF], ['SOCK_', SOCK], ['IPPROTO_', IPPROTO], ['SOL_', SOL], ['SO_', SO], ['IP_', IP],
  ['IPV6_', IPV6], ['MCAST_', MCAST], ['MCAST_', MCAST_MODE], ['SCM_', SCM], ['TCP_', TCP], ['O_', O], ['F_', F], ['', IOCTL], ['MSG_', Msg], ['SHUT_', Shut], ['POLL', POLL],
  ['', Signal], ['SA_', ActionFlag], ['SIG_', MaskHow], ['RLIMIT_', Resource], ['W', WaitFlag], ['CLOSE_RANGE_', CloseRange],
  ['', SIGNAL_CODES], ['', icmp],
  ['PACKET_', PACKET], ['PACKET_MR_', PACKET_MR], ['PACKET_', PACKET_TYPE], ['TP_STATUS_', TP_STATUS], ['ETH_P_', ETH_P],
  ['NETLINK_', NETLINK], ['NETLINK_', NETLINK_PROTOCOL], ['NLM_F_', NLM_F], ['NLMSG_', NLMSG], ['RTM_', RTM], ['RTNLGRP_', RTNLGRP], ['IFLA_', IFLA],
  ['IFA_', IFA], ['IFA_F_', IFA_F], ['IFAPROT_', IFAPROT], ['RTA_', RTA], ['NDA_', NDA], ['NTF_', NTF], ['RT_TABLE_', RT_TABLE], ['RTPROT_', RTPROT],
  ['RT_SCOPE_', RT_SCOPE], ['RTN_', RTN], ['RTNH_F_', RTNH_F], ['RTM_F_', RTM_F],
];

test('constants have the values of the C headers', { skip: process.platform !== 'linux' && 'not on Linux' }, (t) => {
  const expected = new Map<string, number>();
  for (const [prefix, group] of GROUPS) {
    for (const [name, value] of Object.entries(group)) expected.set(prefix + name, value);
  }
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-numbers-'));
  try {
    const lines = [...expected.keys()].map((name) => (
      // What the headers here do not define (another libc, an older kernel) is not judged.
      `#ifdef ${name}\n  SHOW(${name});\n#elif defined SHOW_ENUM_${name}\n  SHOW(${name});\n#endif`
    ));
    // These are enumerators, not macros.
    const enumerators = [...expected.keys()].filter((name) => /^(SHUT_|SCM_|MSG_(OOB|PEEK)$|SOCK_(STREAM|DGRAM|RAW)$|RTNLGRP_|IFLA_|IFA_[A-Z]+$|RTA_|NDA_|RTN_[A-LN-Z]|RT_SCOPE_|RT_TABLE_)/.test(name));
    const source = [
      '#define _GNU_SOURCE', '#include <stdio.h>',

      ...HEADERS.map((header) => `#include <${header}>`),
      ...enumerators.map((name) => `#define SHOW_ENUM_${name}`),
      '#define SHOW(name) printf(#name " %ld\\n", (long)(name))',
      'int main(void) {', ...lines, '  return 0;', '}', '',
    ].join('\n');
    const file = join(folder, 'numbers.c');
    const binary = join(folder, 'numbers');
    writeFileSync(file, source);
    const compiler = process.env['CC'] ?? 'cc';
    const compiled = spawnSync(compiler, ['-o', binary, file], { encoding: 'utf8' });
    if (compiled.error && process.env['CI'] !== 'true') {
      t.skip(`no C compiler: ${compiled.error.message}`);
      return;
    }
    assert.equal(compiled.status, 0, `${compiler}: ${compiled.error?.message ?? compiled.stderr}`);
    const printed = spawnSync(binary, { encoding: 'utf8' }).stdout.trim().split('\n');
    const wrong: string[] = [];
    for (const line of printed) {
      const [name, value] = line.split(' ') as [string, string];
      const ours = expected.get(name);
      if (ours !== Number(value)) wrong.push(`${name} is ${value}, not ${ours}`);
    }
    assert.deepEqual(wrong, []);
    assert.ok(printed.length > 200, `only ${printed.length} names are known to the headers`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
