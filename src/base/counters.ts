/**
 * Counters under the names that `nstat` prints (Linux's SNMP and TcpExt tables), one flat array per host.
 *
 *   counters.values[Mib.TcpInSegs]++
 *
 * Names are appended freely; the order means nothing.
 */
const NAMES = [
  'IpInReceives', 'IpInHdrErrors', 'IpInAddrErrors', 'IpForwDatagrams', 'IpInUnknownProtos', 'IpInDiscards', 'IpInDelivers',
  'IpOutRequests', 'IpOutDiscards', 'IpOutNoRoutes', 'IpReasmTimeout', 'IpReasmReqds', 'IpReasmOKs', 'IpReasmFails',
  'IpFragOKs', 'IpFragFails', 'IpFragCreates', 'IpOutTransmits',
  'Ip6InReceives', 'Ip6InHdrErrors', 'Ip6InTooBigErrors', 'Ip6InNoRoutes', 'Ip6InAddrErrors', 'Ip6InUnknownProtos',
  'Ip6InTruncatedPkts', 'Ip6InDiscards', 'Ip6InDelivers', 'Ip6OutForwDatagrams', 'Ip6OutRequests', 'Ip6OutDiscards',
  'Ip6OutNoRoutes', 'Ip6ReasmTimeout', 'Ip6ReasmReqds', 'Ip6ReasmOKs', 'Ip6ReasmFails', 'Ip6FragOKs', 'Ip6FragFails',
  'Ip6FragCreates', 'Ip6InOctets', 'Ip6OutOctets', 'Ip6InNoECTPkts', 'Ip6InECT1Pkts', 'Ip6InECT0Pkts', 'Ip6InCEPkts', 'Ip6InMcastPkts', 'Ip6OutMcastPkts', 'Ip6OutTransmits',
  'IcmpInMsgs', 'IcmpInErrors', 'IcmpInCsumErrors', 'IcmpInDestUnreachs', 'IcmpInTimeExcds', 'IcmpInParmProbs', 'IcmpInRedirects',
  'IcmpInSrcQuenchs',
  'IcmpInEchos', 'IcmpInEchoReps', 'IcmpInTimestamps', 'IcmpOutMsgs', 'IcmpOutErrors', 'IcmpOutRateLimitGlobal',
  'IcmpOutRateLimitHost', 'IcmpOutDestUnreachs', 'IcmpOutTimeExcds', 'IcmpOutParmProbs', 'IcmpOutRedirects', 'IcmpOutEchos', 'IcmpOutEchoReps',
  'Icmp6InMsgs', 'Icmp6InErrors', 'Icmp6OutMsgs', 'Icmp6OutErrors', 'Icmp6InCsumErrors', 'Icmp6OutRateLimitHost',
  'Icmp6InDestUnreachs', 'Icmp6InPktTooBigs', 'Icmp6InTimeExcds', 'Icmp6InParmProblems', 'Icmp6InEchos',
  'Icmp6InEchoReplies', 'Icmp6InRedirects', 'Icmp6OutRedirects', 'Icmp6InRouterSolicits', 'Icmp6InRouterAdvertisements', 'Icmp6InNeighborSolicits',
  'Icmp6InNeighborAdvertisements', 'Icmp6InMLDv2Reports', 'Icmp6InGroupMembQueries', 'Icmp6OutDestUnreachs', 'Icmp6OutPktTooBigs',
  'Icmp6OutTimeExcds', 'Icmp6OutParmProblems', 'Icmp6OutEchos', 'Icmp6OutEchoReplies', 'Icmp6OutRouterSolicits',
  'Icmp6OutNeighborSolicits', 'Icmp6OutNeighborAdvertisements', 'Icmp6OutMLDv2Reports', 'Icmp6InGroupMembResponses',
  'Icmp6InGroupMembReductions', 'Icmp6OutGroupMembResponses', 'Icmp6OutGroupMembReductions',
  'TcpActiveOpens', 'TcpPassiveOpens', 'TcpAttemptFails', 'TcpEstabResets', 'TcpCurrEstab', 'TcpInSegs', 'TcpOutSegs',
  'TcpRetransSegs', 'TcpInErrs', 'TcpOutRsts', 'TcpInCsumErrors',
  'UdpInDatagrams', 'UdpNoPorts', 'UdpInErrors', 'UdpOutDatagrams', 'UdpRcvbufErrors', 'UdpSndbufErrors',
  'UdpInCsumErrors', 'UdpIgnoredMulti', 'UdpMemErrors',
  'Udp6InDatagrams', 'Udp6NoPorts', 'Udp6InErrors', 'Udp6OutDatagrams', 'Udp6RcvbufErrors', 'Udp6SndbufErrors',
  'Udp6InCsumErrors', 'Udp6IgnoredMulti', 'Udp6MemErrors',
  'TcpExtSyncookiesSent', 'TcpExtSyncookiesRecv', 'TcpExtSyncookiesFailed', 'TcpExtEmbryonicRsts', 'TcpExtPruneCalled',
  'TcpExtRcvPruned', 'TcpExtOfoPruned', 'TcpExtOutOfWindowIcmps', 'TcpExtLockDroppedIcmps', 'TcpExtTW',
  'TcpExtTWRecycled', 'TcpExtTWKilled', 'TcpExtPAWSActive', 'TcpExtPAWSEstab', 'TcpExtPAWSOldAck', 'TcpExtPAWSTimewait', 'TcpExtDelayedACKs',
  'TcpExtDelayedACKLocked', 'TcpExtDelayedACKLost', 'TcpExtListenOverflows', 'TcpExtListenDrops', 'TcpExtTCPHPHits',
  'TcpExtTCPPureAcks', 'TcpExtTCPHPAcks', 'TcpExtTCPRenoRecovery', 'TcpExtTCPSackRecovery', 'TcpExtTCPSACKReneging',
  'TcpExtTCPSACKReorder', 'TcpExtTCPRenoReorder', 'TcpExtTCPTSReorder', 'TcpExtTCPFullUndo', 'TcpExtTCPPartialUndo',
  'TcpExtTCPDSACKUndo', 'TcpExtTCPLossUndo', 'TcpExtTCPLostRetransmit', 'TcpExtTCPRenoFailures',
  'TcpExtTCPSackFailures', 'TcpExtTCPLossFailures', 'TcpExtTCPFastRetrans', 'TcpExtTCPSlowStartRetrans',
  'TcpExtTCPTimeouts', 'TcpExtTCPLossProbes', 'TcpExtTCPLossProbeRecovery', 'TcpExtTCPRenoRecoveryFail',
  'TcpExtTCPSackRecoveryFail', 'TcpExtTCPRcvCollapsed', 'TcpExtTCPBacklogCoalesce', 'TcpExtTCPDSACKOldSent',
  'TcpExtTCPDSACKOfoSent', 'TcpExtTCPDSACKRecv', 'TcpExtTCPDSACKOfoRecv', 'TcpExtTCPAbortOnData',
  'TcpExtTCPAbortOnClose', 'TcpExtTCPAbortOnMemory', 'TcpExtTCPAbortOnTimeout', 'TcpExtTCPAbortOnLinger',
  'TcpExtTCPAbortFailed', 'TcpExtTCPMemoryPressures', 'TcpExtTCPDSACKIgnoredOld', 'TcpExtTCPDSACKIgnoredNoUndo',
  'TcpExtTCPSpuriousRTOs', 'TcpExtTCPBacklogDrop', 'TcpExtTCPMinTTLDrop', 'TcpExtTCPDeferAcceptDrop',
  'TcpExtTCPReqQFullDoCookies', 'TcpExtTCPReqQFullDrop', 'TcpExtTCPRetransFail', 'TcpExtTCPRcvCoalesce',
  'TcpExtTCPOFOQueue', 'TcpExtTCPOFODrop', 'TcpExtTCPOFOMerge', 'TcpExtTCPChallengeACK', 'TcpExtTCPSYNChallenge',
  'TcpExtTCPFromZeroWindowAdv', 'TcpExtTCPToZeroWindowAdv', 'TcpExtTCPWantZeroWindowAdv', 'TcpExtTCPSynRetrans',
  'TcpExtTCPOrigDataSent', 'TcpExtTCPWinProbe', 'TcpExtTCPKeepAlive', 'TcpExtTCPACKSkippedSynRecv',
  'TcpExtTCPACKSkippedPAWS', 'TcpExtTCPACKSkippedSeq', 'TcpExtTCPACKSkippedFinWait2', 'TcpExtTCPACKSkippedTimeWait',
  'TcpExtTCPACKSkippedChallenge', 'TcpExtTCPDelivered', 'TcpExtTCPRcvQDrop', 'TcpExtTCPZeroWindowDrop',
  'TcpExtTCPHystartTrainDetect', 'TcpExtTCPHystartTrainCwnd', 'TcpExtTCPHystartDelayDetect',
  'TcpExtTCPHystartDelayCwnd', 'TcpExtTCPAutoCorking', 'TcpExtTCPTimeWaitOverflow', 'TcpExtBeyondWindow',
  'TcpExtIPReversePathFilter', 'TcpExtTCPReqQFull', 'TcpExtTCPSpuriousRtxHostQueues', 'TcpExtTcpDuplicateDataRehash', 'TcpExtTCPUrgentDropped',
  'IpExtInNoRoutes', 'IpExtInTruncatedPkts', 'IpExtInMcastPkts', 'IpExtOutMcastPkts', 'IpExtInBcastPkts',
  'IpExtOutBcastPkts', 'IpExtInOctets', 'IpExtOutOctets', 'IpExtInCsumErrors', 'IpExtReasmOverlaps', 'IpExtInNoECTPkts',
  // In the order of the ECN field's values, behind InNoECTPkts.
  'IpExtInECT1Pkts', 'IpExtInECT0Pkts', 'IpExtInCEPkts', 'IpExtInMcastOctets', 'IpExtInBcastOctets', 'IcmpOutTimestampReps',
  // Not in Linux's tables: what the link layers count (there: interface statistics and drop reasons).
  'LinkInTruncated', 'LinkInOtherHost', 'LinkInUnknownProtocol', 'LinkInUnwantedGroup', 'IpInMartians', 'LinkOutTooBig', 'LinkOutQueueFull',
  // Packets for others that a route, or the way in which they came, refuses to send on.
  'IpInRefused',
  // Segments that TCP took nothing from: for nobody, outside of the window, old, or not what the state asks for.
  'TcpInDiscards',
  'ArpInMalformed', 'ArpInRequests', 'ArpInReplies', 'ArpOutRequests', 'ArpOutReplies', 'NeighUnresolvedDrops', 'NeighTableFulls', 'NdInMalformed', 'LinkInBadIgmp',
] as const;

export type MibName = (typeof NAMES)[number];

/** Index of each counter in `Counters.values`. */
export const Mib: { readonly [K in MibName]: number } = Object.fromEntries(NAMES.map((name, i) => [name, i])) as {
  readonly [K in MibName]: number;
};

export class Counters {
  readonly values: Float64Array = new Float64Array(NAMES.length);

  get(name: MibName): number {
    return this.values[Mib[name]] as number;
  }

  /** Counters that are not zero, by name: what `nstat -a` would print. */
  snapshot(): Record<string, number> {
    const seen: Record<string, number> = {};
    for (const name of NAMES) {
      const value = this.values[Mib[name]] as number;
      if (value !== 0) seen[name] = value;
    }
    return seen;
  }
}
