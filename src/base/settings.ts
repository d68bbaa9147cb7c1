import { DEFAULT_MEMORY_BYTES, PAGE_BYTES } from './kernel-memory.ts';
import { InterfaceSettings, type SettingPlace } from './interface-settings.ts';

/**
 * A host's settings, under their sysctl names and with Linux's defaults. Code reads the fields; programs and tests use
 * `get` and `set` with the name and the text that sysctl(8) takes. What no code reads yet keeps its default: setting it
 * fails, rather than promising what does not come (NOT_IMPLEMENTED).
 */
export class Settings {
  hostname = 'host';
  // fs
  /** Descriptions that processes without CAP_SYS_ADMIN may bring the host to. */
  fileMax: number;
  pipeMaxSize = 1048576;
  /** Slots of all pipes of a user; 0 for no limit. */
  pipeUserPagesSoft = 16384;
  pipeUserPagesHard = 0;
  /** 1: who does not own a file makes no other name for it, unless he may read and write it and it lends nobody its owner's rights. */
  protectedHardlinks = 0;
  // net.core
  rmemDefault = 212992;
  rmemMax = 4194304;
  wmemDefault = 212992;
  wmemMax = 4194304;
  somaxconn = 4096;
  optmemMax = 131072;
  // net.unix
  unixMaxDgramQlen = 10;
  // net.ipv4, IP
  ipDefaultTtl = 64;
  ipLocalPortRangeLow = 32768;
  ipLocalPortRangeHigh = 60999;
  /** Groups whose processes may have ping sockets: by default none. */
  pingGroupRangeLow = 1;
  pingGroupRangeHigh = 0;
  ipUnprivilegedPortStart = 1024;
  ipNonlocalBind = 0;
  ipNoPmtuDisc = 0;
  ipMinPmtu = 552;
  ipMtuExpires = 600;
  ipfragHighThresh = 4194304;
  ipfragTime = 30;
  ipfragMaxDist = 64;
  icmpEchoIgnoreAll = 0;
  icmpEchoIgnoreBroadcasts = 1;
  icmpRatelimit = 1000;
  icmpRatemask = 6168;
  icmpMsgsPerSec = 1000;
  icmpMsgsBurst = 50;
  igmpMaxMemberships = 20;
  igmpMaxMsf = 10;
  igmpQrv = 2;
  igmpLinkLocalMcastReports = 1;
  neighGcStaleTime = 60;
  neighBaseReachableTimeMs = 30000;
  neighRetransTimeMs = 1000;
  neighDelayFirstProbeTime = 5;
  neighMcastSolicit = 3;
  neighUcastSolicit = 3;
  neighUnresQlenBytes = 212992;
  neighGcThresh3 = 1024;
  // net.ipv6
  ipv6HopLimit = 64;
  ipv6Bindv6only = 0;
  ipv6DadTransmits = 1;
  ipv6AcceptDad = 1;
  ip6fragHighThresh = 4194304;
  ip6fragTime = 60;
  icmp6Ratelimit = 1000;
  mldMaxMsf = 64;
  mldQrv = 2;
  // net.ipv4.tcp_*
  tcpRmemMin = 4096;
  tcpRmemDefault = 131072;
  tcpRmemMax = 33554432;
  tcpWmemMin = 4096;
  tcpWmemDefault = 16384;
  tcpWmemMax = 4194304;
  /** Pages. */
  tcpMemLow: number;
  tcpMemPressure: number;
  tcpMemHigh: number;
  tcpTimestamps = 1;
  tcpSack = 1;
  tcpDsack = 1;
  tcpWindowScaling = 1;
  tcpEcn = 2;
  tcpCongestionControl = 'cubic';
  tcpSynRetries = 6;
  tcpSynackRetries = 5;
  tcpSynLinearTimeouts = 4;
  tcpRetries1 = 3;
  tcpRetries2 = 15;
  tcpOrphanRetries = 0;
  tcpFinTimeout = 60;
  tcpKeepaliveTime = 7200;
  tcpKeepaliveProbes = 9;
  tcpKeepaliveIntvl = 75;
  tcpMaxSynBacklog = 2048;
  tcpSyncookies = 1;
  tcpAbortOnOverflow = 0;
  tcpMaxTwBuckets = 131072;
  tcpTwReuse = 2;
  tcpRfc1337 = 0;
  tcpStdurg = 0;
  tcpInvalidRatelimit = 500;
  tcpChallengeAckLimit = 2147483647;
  tcpSlowStartAfterIdle = 1;
  tcpNoMetricsSave = 0;
  tcpModerateRcvbuf = 1;
  tcpAdvWinScale = 1;
  tcpReordering = 3;
  tcpMaxReordering = 300;
  tcpEarlyRetrans = 3;
  tcpRecovery = 1;
  tcpFrto = 2;
  tcpLimitOutputBytes = 4194304;
  tcpMinTsoSegs = 2;
  tcpTsoWinDivisor = 3;
  tcpAutocorking = 1;
  tcpNotsentLowat = 4294967295;
  tcpBaseMss = 1024;
  tcpMinSndMss = 48;
  tcpMtuProbing = 0;
  tcpRtoMinUs = 200000;
  tcpRtoMaxMs = 120000;
  tcpMaxOrphans = 131072;
  // net.ipv4.udp_*
  udpMemLow: number;
  udpMemPressure: number;
  udpMemHigh: number;
  udpRmemMin = 4096;
  udpWmemMin = 4096;
  /** net.ipv4.conf.*, net.ipv6.conf.*, and net.ipv4.ip_forward. */
  readonly interfaces = new InterfaceSettings();
  /** Hears of every value that `set` has changed. Set once by the network layer. */
  onChange: (() => void) | null = null;

  /** Limits that follow from a host's memory, as Linux reckons them (files_maxfiles_init, tcp_init_mem, udp_table_init). */
  constructor(memoryBytes: number = DEFAULT_MEMORY_BYTES) {
    const pages = Math.floor(memoryBytes / PAGE_BYTES);
    this.fileMax = Math.max(Math.floor((pages * (PAGE_BYTES / 1024)) / 10), LEAST_FILES);
    this.tcpMemPressure = Math.max(pages >> 4, LEAST_PAGES);
    this.tcpMemLow = (this.tcpMemPressure >> 2) * 3;
    this.tcpMemHigh = this.tcpMemLow * 2;
    this.udpMemPressure = Math.max(pages >> 3, LEAST_PAGES);
    this.udpMemLow = (this.udpMemPressure >> 2) * 3;
    this.udpMemHigh = this.udpMemLow * 2;
  }

  /** The value as sysctl prints it, or null when there is no such name. */
  get(name: string): string | null {
    const place = this.place(name);
    return place === null ? null : place.fields.map((field) => String(valueIn(place, field))).join('\t');
  }

  /** Sets a value from text (numbers separated by blanks); false when `refusal` has something to say. */
  set(name: string, text: string | number): boolean {
    if (this.refusal(name, text) !== null) return false;
    const place = this.place(name) as SettingPlace;
    wordsOf(text).forEach((word, i) => {
      const field = place.fields[i] as string;
      (place.owner as Record<string, string | number>)[field] = typeof valueIn(place, field) === 'number' ? Number(word) : word;
    });
    this.interfaces.written(place);
    if (this.onChange !== null) this.onChange();
    return true;
  }

  /** Why a setting cannot have this value; null when it can. */
  refusal(name: string, text: string | number): string | null {
    const place = this.place(name);
    if (place === null) return 'there is no such name';
    const { fields } = place;
    const words = wordsOf(text);
    if (words.length !== fields.length) return `it takes ${fields.length === 1 ? 'one value' : `${fields.length} values`}`;
    for (let i = 0; i < words.length; i++) {
      const field = fields[i] as string;
      const word = words[i] as string;
      if (typeof valueIn(place, field) !== 'number') continue;
      if (!/^-?\d+$/.test(word)) return 'it takes numbers';
      const [least, most] = LIMITS[field as Field] ?? [0, INT];
      if (Number(word) < least || Number(word) > most) return `it takes numbers from ${least} to ${most}`;
    }
    const value = words.join('\t');
    const also = NOT_IMPLEMENTED[name];
    if (also !== undefined && value !== DEFAULTS.get(name) && !also.includes(value)) return 'this is not implemented yet';
    if (name === 'net.ipv4.tcp_congestion_control' && !CONGESTION_CONTROLS.includes(value)) {
      return `there are ${CONGESTION_CONTROLS.join(' and ')}`;
    }
    if (name === 'net.ipv4.ip_local_port_range' && Number(words[0]) > Number(words[1])) return 'the first port is the lower one';
    return null;
  }

  names(): string[] {
    return [...Object.keys(SYSCTL), ...Object.keys(ALIASES), ...this.interfaces.names()].sort();
  }

  private place(name: string): SettingPlace | null {
    const fields = fieldsOf(name);
    if (fields !== undefined) return { owner: this, fields };
    return this.interfaces.place(Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name);
  }
}

/** NR_FILE, and the least of tcp_mem and udp_mem. */
const LEAST_FILES = 8192;
const LEAST_PAGES = 128;

/** Two names for one value. */
const ALIASES: Readonly<Record<string, string>> = { 'net.ipv4.ip_forward': 'net.ipv4.conf.all.forwarding' };

function valueIn(place: SettingPlace, field: string): number | string {
  return (place.owner as Record<string, number | string>)[field] as number | string;
}

function wordsOf(text: string | number): string[] {
  return String(text).trim().split(/\s+/);
}

type Field = { [K in keyof Settings]: Settings[K] extends number | string ? K : never }[keyof Settings];

function fieldsOf(name: string): readonly Field[] | undefined {
  return Object.hasOwn(SYSCTL, name) ? SYSCTL[name] : undefined;
}

/** Linux's `int`, `u8`, and seconds that are kept as milliseconds in an `int` (proc_dointvec_jiffies). */
const INT = 2147483647;
const U8 = 255;
const SECONDS = 2147483;
/** `long`, as far as a double counts. */
const LONG = Number.MAX_SAFE_INTEGER;

/**
 * Least and most, where it is not 0 and INT: Linux's own limits (proc_dointvec_minmax and its kin), and a least of 1 where
 * Linux takes 0 and would divide by it, or where a timer of 0 would run without an end in a world's time.
 */
const LIMITS: Readonly<Partial<Record<Field, readonly [number, number]>>> = {
  fileMax: [0, LONG], pipeMaxSize: [4096, INT], pipeUserPagesSoft: [0, LONG], pipeUserPagesHard: [0, LONG], protectedHardlinks: [0, 1],
  rmemDefault: [2304, INT], rmemMax: [2304, INT], wmemDefault: [4608, INT], wmemMax: [4608, INT],
  ipDefaultTtl: [1, U8], ipv6HopLimit: [1, U8], ipMinPmtu: [68, INT], ipMtuExpires: [1, SECONDS], ipNoPmtuDisc: [0, 3],
  ipLocalPortRangeLow: [1, 65535], ipLocalPortRangeHigh: [1, 65535], ipUnprivilegedPortStart: [0, 65535],
  ipfragHighThresh: [0, LONG], ip6fragHighThresh: [0, LONG], ipfragTime: [0, SECONDS], ip6fragTime: [0, SECONDS],
  icmpRatemask: [0, LONG], igmpQrv: [1, INT], mldQrv: [1, INT],
  neighGcStaleTime: [0, SECONDS], neighBaseReachableTimeMs: [1, INT], neighRetransTimeMs: [1, INT],
  neighDelayFirstProbeTime: [0, SECONDS],
  tcpRmemMin: [1, INT], tcpRmemDefault: [1, INT], tcpRmemMax: [1, INT],
  tcpWmemMin: [1, INT], tcpWmemDefault: [1, INT], tcpWmemMax: [1, INT], udpRmemMin: [1, INT], udpWmemMin: [1, INT],
  udpMemLow: [0, LONG], udpMemPressure: [0, LONG], udpMemHigh: [0, LONG],
  tcpMemLow: [0, LONG], tcpMemPressure: [0, LONG], tcpMemHigh: [0, LONG],
  tcpTimestamps: [0, U8], tcpSack: [0, U8], tcpDsack: [0, U8], tcpWindowScaling: [0, U8], tcpEcn: [0, U8],
  tcpSynRetries: [1, 127], tcpSynackRetries: [0, U8], tcpSynLinearTimeouts: [0, 127],
  tcpRetries1: [0, U8], tcpRetries2: [0, U8], tcpOrphanRetries: [0, U8], tcpFinTimeout: [0, SECONDS],
  tcpKeepaliveTime: [1, SECONDS], tcpKeepaliveProbes: [0, U8], tcpKeepaliveIntvl: [1, SECONDS],
  tcpSyncookies: [0, U8], tcpTwReuse: [0, 2], tcpEarlyRetrans: [0, 4], tcpRecovery: [0, U8], tcpFrto: [0, U8],
  tcpTsoWinDivisor: [0, U8], tcpMinTsoSegs: [1, U8], tcpNotsentLowat: [0, 4294967295],
  tcpMinSndMss: [48, 65535], tcpReordering: [1, INT], tcpMaxReordering: [1, INT],
  tcpRtoMinUs: [1, INT], tcpRtoMaxMs: [1000, 120000],
};

/** What `net.ipv4.tcp_congestion_control` and TCP_CONGESTION know. */
export const CONGESTION_CONTROLS: readonly string[] = ['cubic', 'reno'];

/**
 * What is not implemented yet, each with the values that are true of us all the same (beside the default, which reads as
 * on Linux). Listed in docs/deviations.md.
 */
export const NOT_IMPLEMENTED: Readonly<Record<string, readonly string[]>> = {
  // Stale neighbours are dropped when the table is full.
  'net.ipv4.neigh.default.gc_stale_time': [],
  'net.ipv4.tcp_ecn': ['0'], 'net.ipv4.tcp_limit_output_bytes': [], 'net.ipv4.tcp_autocorking': ['0'],
  'net.ipv4.tcp_min_tso_segs': [], 'net.ipv4.tcp_mtu_probing': [], 'net.ipv4.tcp_base_mss': [],
  'net.ipv4.tcp_adv_win_scale': [], 'net.ipv4.tcp_no_metrics_save': ['1'],
};

/**
 * What changes nothing, as on Linux or because more is given. A socket without anything in its queue receives one segment or
 * datagram whatever the host holds (protocol-memory.ts), which is more than these guarantee it; and UDP has no memory pressure,
 * so that the first number of udp_mem alone counts (__sk_mem_raise_allocated).
 */
export const GUARANTEES: readonly (keyof Settings)[] = ['tcpRmemMin', 'udpWmemMin', 'udpMemPressure', 'udpMemHigh'];

const SYSCTL: Readonly<Record<string, readonly Field[]>> = {
  'kernel.hostname': ['hostname'],
  'fs.protected_hardlinks': ['protectedHardlinks'], 'fs.file-max': ['fileMax'], 'fs.pipe-max-size': ['pipeMaxSize'],
  'fs.pipe-user-pages-soft': ['pipeUserPagesSoft'], 'fs.pipe-user-pages-hard': ['pipeUserPagesHard'],
  'net.core.rmem_default': ['rmemDefault'], 'net.core.rmem_max': ['rmemMax'],
  'net.core.wmem_default': ['wmemDefault'], 'net.core.wmem_max': ['wmemMax'], 'net.core.somaxconn': ['somaxconn'],
  'net.core.optmem_max': ['optmemMax'],
  'net.unix.max_dgram_qlen': ['unixMaxDgramQlen'],
  'net.ipv4.ip_default_ttl': ['ipDefaultTtl'],
  'net.ipv4.ping_group_range': ['pingGroupRangeLow', 'pingGroupRangeHigh'],
  'net.ipv4.ip_local_port_range': ['ipLocalPortRangeLow', 'ipLocalPortRangeHigh'],
  'net.ipv4.ip_unprivileged_port_start': ['ipUnprivilegedPortStart'],
  'net.ipv4.ip_nonlocal_bind': ['ipNonlocalBind'], 'net.ipv4.ip_no_pmtu_disc': ['ipNoPmtuDisc'],
  'net.ipv4.route.min_pmtu': ['ipMinPmtu'], 'net.ipv4.route.mtu_expires': ['ipMtuExpires'],
  'net.ipv4.ipfrag_high_thresh': ['ipfragHighThresh'], 'net.ipv4.ipfrag_time': ['ipfragTime'],
  'net.ipv4.ipfrag_max_dist': ['ipfragMaxDist'],
  'net.ipv4.icmp_echo_ignore_all': ['icmpEchoIgnoreAll'],
  'net.ipv4.icmp_echo_ignore_broadcasts': ['icmpEchoIgnoreBroadcasts'],
  'net.ipv4.icmp_ratelimit': ['icmpRatelimit'], 'net.ipv4.icmp_ratemask': ['icmpRatemask'],
  'net.ipv4.icmp_msgs_per_sec': ['icmpMsgsPerSec'], 'net.ipv4.icmp_msgs_burst': ['icmpMsgsBurst'],
  'net.ipv4.igmp_max_memberships': ['igmpMaxMemberships'], 'net.ipv4.igmp_max_msf': ['igmpMaxMsf'], 'net.ipv4.igmp_qrv': ['igmpQrv'],
  'net.ipv4.igmp_link_local_mcast_reports': ['igmpLinkLocalMcastReports'],
  'net.ipv4.neigh.default.gc_stale_time': ['neighGcStaleTime'],
  'net.ipv4.neigh.default.base_reachable_time_ms': ['neighBaseReachableTimeMs'],
  'net.ipv4.neigh.default.retrans_time_ms': ['neighRetransTimeMs'],
  'net.ipv4.neigh.default.delay_first_probe_time': ['neighDelayFirstProbeTime'],
  'net.ipv4.neigh.default.mcast_solicit': ['neighMcastSolicit'],
  'net.ipv4.neigh.default.ucast_solicit': ['neighUcastSolicit'],
  'net.ipv4.neigh.default.unres_qlen_bytes': ['neighUnresQlenBytes'],
  'net.ipv4.neigh.default.gc_thresh3': ['neighGcThresh3'],
  'net.ipv6.conf.all.hop_limit': ['ipv6HopLimit'], 'net.ipv6.bindv6only': ['ipv6Bindv6only'],
  'net.ipv6.conf.all.dad_transmits': ['ipv6DadTransmits'],
  'net.ipv6.conf.all.accept_dad': ['ipv6AcceptDad'],
  'net.ipv6.ip6frag_high_thresh': ['ip6fragHighThresh'], 'net.ipv6.ip6frag_time': ['ip6fragTime'],
  'net.ipv6.icmp.ratelimit': ['icmp6Ratelimit'],
  'net.ipv6.mld_max_msf': ['mldMaxMsf'], 'net.ipv6.mld_qrv': ['mldQrv'],
  'net.ipv4.tcp_rmem': ['tcpRmemMin', 'tcpRmemDefault', 'tcpRmemMax'],
  'net.ipv4.tcp_wmem': ['tcpWmemMin', 'tcpWmemDefault', 'tcpWmemMax'],
  'net.ipv4.tcp_mem': ['tcpMemLow', 'tcpMemPressure', 'tcpMemHigh'],
  'net.ipv4.udp_mem': ['udpMemLow', 'udpMemPressure', 'udpMemHigh'],
  'net.ipv4.tcp_timestamps': ['tcpTimestamps'], 'net.ipv4.tcp_sack': ['tcpSack'], 'net.ipv4.tcp_dsack': ['tcpDsack'],
  'net.ipv4.tcp_window_scaling': ['tcpWindowScaling'], 'net.ipv4.tcp_ecn': ['tcpEcn'],
  'net.ipv4.tcp_congestion_control': ['tcpCongestionControl'],
  'net.ipv4.tcp_syn_retries': ['tcpSynRetries'], 'net.ipv4.tcp_synack_retries': ['tcpSynackRetries'],
  'net.ipv4.tcp_syn_linear_timeouts': ['tcpSynLinearTimeouts'],
  'net.ipv4.tcp_retries1': ['tcpRetries1'], 'net.ipv4.tcp_retries2': ['tcpRetries2'],
  'net.ipv4.tcp_orphan_retries': ['tcpOrphanRetries'], 'net.ipv4.tcp_fin_timeout': ['tcpFinTimeout'],
  'net.ipv4.tcp_keepalive_time': ['tcpKeepaliveTime'], 'net.ipv4.tcp_keepalive_probes': ['tcpKeepaliveProbes'],
  'net.ipv4.tcp_keepalive_intvl': ['tcpKeepaliveIntvl'], 'net.ipv4.tcp_max_syn_backlog': ['tcpMaxSynBacklog'],
  'net.ipv4.tcp_syncookies': ['tcpSyncookies'], 'net.ipv4.tcp_abort_on_overflow': ['tcpAbortOnOverflow'],
  'net.ipv4.tcp_max_tw_buckets': ['tcpMaxTwBuckets'], 'net.ipv4.tcp_tw_reuse': ['tcpTwReuse'],
  'net.ipv4.tcp_rfc1337': ['tcpRfc1337'], 'net.ipv4.tcp_stdurg': ['tcpStdurg'],
  'net.ipv4.tcp_invalid_ratelimit': ['tcpInvalidRatelimit'],
  'net.ipv4.tcp_challenge_ack_limit': ['tcpChallengeAckLimit'],
  'net.ipv4.tcp_slow_start_after_idle': ['tcpSlowStartAfterIdle'],
  'net.ipv4.tcp_no_metrics_save': ['tcpNoMetricsSave'], 'net.ipv4.tcp_moderate_rcvbuf': ['tcpModerateRcvbuf'],
  'net.ipv4.tcp_adv_win_scale': ['tcpAdvWinScale'], 'net.ipv4.tcp_reordering': ['tcpReordering'],
  'net.ipv4.tcp_max_reordering': ['tcpMaxReordering'], 'net.ipv4.tcp_early_retrans': ['tcpEarlyRetrans'],
  'net.ipv4.tcp_recovery': ['tcpRecovery'], 'net.ipv4.tcp_frto': ['tcpFrto'],
  'net.ipv4.tcp_limit_output_bytes': ['tcpLimitOutputBytes'], 'net.ipv4.tcp_min_tso_segs': ['tcpMinTsoSegs'],
  'net.ipv4.tcp_tso_win_divisor': ['tcpTsoWinDivisor'], 'net.ipv4.tcp_autocorking': ['tcpAutocorking'],
  'net.ipv4.tcp_notsent_lowat': ['tcpNotsentLowat'], 'net.ipv4.tcp_base_mss': ['tcpBaseMss'],
  'net.ipv4.tcp_min_snd_mss': ['tcpMinSndMss'], 'net.ipv4.tcp_mtu_probing': ['tcpMtuProbing'],
  'net.ipv4.tcp_rto_min_us': ['tcpRtoMinUs'], 'net.ipv4.tcp_rto_max_ms': ['tcpRtoMaxMs'],
  'net.ipv4.tcp_max_orphans': ['tcpMaxOrphans'],
  'net.ipv4.udp_rmem_min': ['udpRmemMin'], 'net.ipv4.udp_wmem_min': ['udpWmemMin'],
};

const DEFAULTS: ReadonlyMap<string, string> = new Map(
  Object.keys(SYSCTL).map((name) => [name, new Settings().get(name) as string]),
);
