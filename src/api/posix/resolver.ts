/**
 * The resolver: names to addresses and back, from /etc/hosts and then from name servers.
 *
 * Called by getaddrinfo.ts and getnameinfo.ts. User space: it knows a process and its calls, and its files.
 * The steps are resolver-config.ts, resolver-exchange.ts and resolver-answer.ts; read resolv.conf(5) and RFC 1034 section
 * 5.3 first.
 */
import type { IpAddress } from '../../base/inet-address.ts';
import type { DnsQuestion } from '../../wire/dns.ts';
import { labelsOf, reverseName } from '../../wire/dns-name.ts';
import { DnsClass, DnsType } from '../../wire/dns-record.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import type { NameProcess } from './name-process.ts';
import { type HostAddress, type HostEntry, hostByAddress, hostByName } from './name-tables.ts';
import { type Answer, HostError, isHostName, readAnswer } from './resolver-answer.ts';
import { type ResolverConfig, readResolverConfig } from './resolver-config.ts';
import { exchange, NoAnswer } from './resolver-exchange.ts';

/** A failed server, where the list of domains goes on; everywhere else it is TryAgain. */
const SERVER_FAILED = -1;

/** The addresses of a name, in the order they were found in; AF_UNSPEC asks for both families at once. */
export async function resolveHost(process: NameProcess, name: string, family: number): Promise<HostEntry | HostError> {
  return (await hostByName(process, name, family)) ?? searchDomains(process, name, family);
}

/** The name of an address. One of AF_INET6 that stands for an IPv4 address has its own lines in /etc/hosts. */
export async function resolveAddress(process: NameProcess, family: number, address: IpAddress): Promise<string | HostError> {
  // gethostbyaddr: nobody is called `::`.
  if (family === AF_INET6 && !address.isV4 && address.isUnspecified) return HostError.NotFound;
  const known = await hostByAddress(process, family, address);
  if (known !== null) return known;
  const question = { name: reverseName(address.toBytes()), type: DnsType.PTR, class: DnsClass.IN };
  const answer = await ask(process, await readResolverConfig(process), question);
  if (typeof answer === 'number') return failureOf(answer);
  for (const { data } of answer.records) if (data.kind === 'name' && isHostName(data.target)) return data.target;
  return HostError.NoRecovery;
}

/** Tries a name as it is and in the domains of the search list, in the order that `ndots` says (res_search). */
async function searchDomains(process: NameProcess, name: string, family: number): Promise<HostEntry | HostError> {
  if (name !== '.' && !isHostName(name)) return HostError.NotFound;
  const config = await readResolverConfig(process);
  const isAbsolute = name.endsWith('.');
  const dots = name.split('.').length - 1;
  const isFirst = isAbsolute || dots >= config.ndots;
  let asItIs = 0;
  if (isFirst) {
    const found = await askFamilies(process, config, name, family);
    if (typeof found !== 'number') return found;
    asItIs = found;
    if (isAbsolute) return failureOf(found);
  }
  let last: number = HostError.NotFound;
  let sawNoData = false;
  let sawServerFailure = false;
  let triedRoot = isFirst;
  for (const domain of config.search) {
    if (domain === '.') triedRoot = true;
    const found = await askFamilies(process, config, domain === '.' ? name : `${name}.${domain}`, family);
    if (typeof found !== 'number') return found;
    last = found;
    if (found === HostError.NoData) sawNoData = true;
    else if (found === SERVER_FAILED) sawServerFailure = true;
    // Nobody answers, in whatever domain.
    else if (found !== HostError.NotFound) break;
  }
  if (!triedRoot) {
    const found = await askFamilies(process, config, name, family);
    if (typeof found !== 'number') return found;
    last = found;
  }
  // What was said of the name itself says more than what was said of it in some domain.
  if (asItIs !== 0) return failureOf(asItIs);
  if (sawNoData) return HostError.NoData;
  return sawServerFailure ? HostError.TryAgain : failureOf(last);
}

function failureOf(code: number): HostError {
  return code === SERVER_FAILED ? HostError.TryAgain : (code as HostError);
}

/** Asks for the addresses of one whole name, of both families at the same time where both are wanted. */
async function askFamilies(
  process: NameProcess, config: ResolverConfig, name: string, family: number,
): Promise<HostEntry | HostError | typeof SERVER_FAILED> {
  if (labelsOf(name) === null) return HostError.NotFound;
  const types = family === AF_INET ? [DnsType.A] : family === AF_INET6 ? [DnsType.AAAA] : [DnsType.A, DnsType.AAAA];
  const answers = await Promise.all(types.map((type) => ask(process, config, { name, type, class: DnsClass.IN })));
  const addresses: HostAddress[] = [];
  let canonical: string | null = null;
  answers.forEach((answer, i) => {
    if (typeof answer === 'number') return;
    canonical ??= answer.canonical;
    for (const { data } of answer.records) {
      const own = types[i] === DnsType.A ? AF_INET : AF_INET6;
      if (data.kind === 'address') addresses.push({ family: own, address: data.address, scopeId: 0 });
    }
  });
  if (canonical !== null) return { canonical, addresses };
  // Of two failures the one that may pass counts: then nobody knows yet whether there is something.
  const failures = answers.filter((answer) => typeof answer === 'number');
  for (const code of [HostError.TryAgain, SERVER_FAILED, HostError.NotFound] as const) if (failures.includes(code)) return code;
  return failures[0];
}

async function ask(
  process: NameProcess, config: ResolverConfig, question: DnsQuestion,
): Promise<Answer | HostError | typeof SERVER_FAILED> {
  const message = await exchange(process, config, question);
  if (message === NoAnswer.Silence) return HostError.TryAgain;
  if (message === NoAnswer.ServFail) return SERVER_FAILED;
  return readAnswer(message, question);
}

