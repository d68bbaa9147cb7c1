/**
 * DNS messages for programs (wire/dns.ts): what <arpa/nameser.h> is to C.
 */
import { labelsOf } from '../../wire/dns-name.ts';

export {
  DNS_MAX_LEN, DNS_PORT, DNS_UDP_LEN, type DnsMessage, type DnsQuestion, ednsOf, ednsRecord, encodeDnsMessage, Opcode, parseDnsMessage,
  Rcode,
} from '../../wire/dns.ts';
export { nameKey } from '../../wire/dns-name.ts';
export { DnsClass, type DnsData, type DnsRecord, DnsType } from '../../wire/dns-record.ts';

/** Whether a text is a domain name. */
export function isName(text: string): boolean {
  return labelsOf(text) !== null;
}
