/**
 * What a firewall says about a packet that it does not let pass (Linux's ipt_REJECT and ip6t_REJECT): an ICMP error, or a RST.
 *
 * Called by firewall.ts, with packets that it then drops.
 */
import { pseudoHeaderSum4, pseudoHeaderSum6 } from '../../base/checksum.ts';
import { Mib } from '../../base/counters.ts';
import { FrameFor, type Packet, takePacket } from '../../link/packet.ts';
import { IpProto } from '../../wire/protocols.ts';
import { TCP_HEADER_LEN, TcpFlag, writeTcpHeader } from '../../wire/tcp.ts';
import { IcmpErrorKind } from '../icmp-error.ts';
import type { Network } from '../network.ts';
import type { PacketFacts } from './packet-facts.ts';
import type { Action } from './rules.ts';

const KINDS: Partial<Readonly<Record<Action, IcmpErrorKind>>> = {
  reject: IcmpErrorKind.PortUnreachable, 'port-unreachable': IcmpErrorKind.PortUnreachable,
  'host-unreachable': IcmpErrorKind.HostUnreachable, 'net-unreachable': IcmpErrorKind.NetUnreachable,
  'protocol-unreachable': IcmpErrorKind.ProtocolUnreachable, prohibited: IcmpErrorKind.Prohibited,
};

/** Answers as `action` says. Borrows `p`, whose `l3` is known. */
export function answer(network: Network, p: Packet, facts: PacketFacts, action: Action): void {
  if (action === 'reset') return sendReset(network, p, facts);
  const kind = KINDS[action];
  if (kind !== undefined && !facts.isFragment) network.sendIcmpError(p, kind);
}

/** nf_send_reset: as the receiver would have done it, had nobody listened there. */
function sendReset(network: Network, p: Packet, facts: PacketFacts): void {
  const { flags, l4, isV4 } = facts;
  if (facts.protocol !== IpProto.Tcp || !facts.isWhole || (flags & TcpFlag.Rst) !== 0 || p.frameFor !== FrameFor.Host) return;
  const to = facts.source;
  const from = facts.destination;
  const way = network.lookup(to, null, to.isLinkLocal ? p.device : null);
  if (way === null) return;
  const { view } = p;
  const hasAck = (flags & TcpFlag.Ack) !== 0;
  const payload = p.length - (l4 - p.head) - ((view.getUint8(l4 + 12) >> 4) << 2);
  const length = payload + ((flags & TcpFlag.Syn) !== 0 ? 1 : 0) + ((flags & TcpFlag.Fin) !== 0 ? 1 : 0);
  const seq = hasAck ? view.getInt32(l4 + 8) : 0;
  const ack = hasAck ? 0 : (view.getInt32(l4 + 4) + length) | 0;
  const reset = takePacket();
  const at = reset.push(TCP_HEADER_LEN);
  const pseudo = isV4
    ? pseudoHeaderSum4(from.d, to.d, IpProto.Tcp, TCP_HEADER_LEN)
    : pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Tcp, TCP_HEADER_LEN);
  const answerFlags = hasAck ? TcpFlag.Rst : TcpFlag.Rst | TcpFlag.Ack;
  writeTcpHeader(reset.view, at, facts.dstPort, facts.srcPort, seq, ack, TCP_HEADER_LEN, answerFlags, 0, 0, pseudo, 0);
  network.counters.values[Mib.TcpOutRsts]++;
  network.output(reset, way, from, to, IpProto.Tcp, -1, 0, true);
}
