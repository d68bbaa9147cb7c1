/**
 * Reads the answer to a question: along its aliases to the records that were asked for (RFC 1034 section 3.6.2).
 */
import { type DnsMessage, type DnsQuestion, Rcode } from '../../wire/dns.ts';
import { labelsOf, nameKey } from '../../wire/dns-name.ts';
import { type DnsRecord, DnsType } from '../../wire/dns-record.ts';

/** h_errno of <netdb.h>: why a name has no answer. DeadEnd, aliases that lead nowhere, is NO_RECOVERY there too. */
export const HostError = { NotFound: 1, TryAgain: 2, NoRecovery: 3, NoData: 4, DeadEnd: 5 } as const;
export type HostError = (typeof HostError)[keyof typeof HostError];

/** Aliases that are followed; more are a mistake or an attack. */
const MAX_ALIASES = 16;

export interface Answer {
  /** The name at the end of the aliases, if a host may have it; the last one on the way that a host may have otherwise. */
  readonly canonical: string;
  /** The records of the type that was asked for; never none. */
  readonly records: readonly DnsRecord[];
}

/** What a message answers. Records of other names and types in it count for nothing. */
export function readAnswer(message: DnsMessage, question: DnsQuestion): Answer | HostError {
  if (message.rcode === Rcode.NxDomain) return HostError.NotFound;
  if (message.rcode === Rcode.ServFail) return HostError.TryAgain;
  if (message.rcode !== Rcode.NoError) return HostError.NoRecovery;
  if (message.answers.length === 0) return HostError.NoData;
  const keyed = message.answers.map((record) => ({ key: nameKey(record.name), record }));
  let canonical = question.name;
  let { name } = question;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const key = nameKey(name);
    const own = keyed.filter((each) => each.key === key && each.record.class === question.class).map(({ record }) => record);
    const records = own.filter((record) => record.type === question.type);
    if (records.length > 0) return { canonical, records };
    const alias = own.find((record) => record.type === DnsType.CNAME);
    if (alias === undefined || alias.data.kind !== 'name') break;
    name = alias.data.target;
    // Programs put names into files and commands: one that no host may have is followed, and not passed on.
    if (isHostName(name)) canonical = name;
  }
  // glibc: aliases that lead nowhere are a failure of the server, not the word that there is nothing.
  return HostError.DeadEnd;
}

/** Whether a name is of letters, digits, hyphens and underscores alone, no label beginning with a hyphen (res_hnok). */
export function isHostName(name: string): boolean {
  return name !== '.' && labelsOf(name) !== null && /^(?!-)[A-Za-z0-9_-]+(\.(?!-)[A-Za-z0-9_-]+)*\.?$/.test(name);
}
