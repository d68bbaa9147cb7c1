/**
 * The errors of getaddrinfo(3) and getnameinfo(3), which have numbers of their own.
 */
import {
  EAI_ADDRFAMILY, EAI_AGAIN, EAI_ALLDONE, EAI_BADFLAGS, EAI_CANCELED, EAI_FAIL, EAI_FAMILY, EAI_IDN_ENCODE, EAI_INPROGRESS, EAI_INTR,
  EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_NOTCANCELED, EAI_OVERFLOW, EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM,
} from './netdb-constants.ts';

const UNKNOWN = 'Unknown error';

/** Name, and the sentence in which gai_strerror says it. */
const WORDS: ReadonlyMap<number, readonly [name: string, sentence: string]> = new Map([
  [EAI_BADFLAGS, ['EAI_BADFLAGS', 'Bad value for ai_flags']],
  [EAI_NONAME, ['EAI_NONAME', 'Name or service not known']],
  [EAI_AGAIN, ['EAI_AGAIN', 'Temporary failure in name resolution']],
  [EAI_FAIL, ['EAI_FAIL', 'Non-recoverable failure in name resolution']],
  [EAI_NODATA, ['EAI_NODATA', 'No address associated with hostname']],
  [EAI_FAMILY, ['EAI_FAMILY', 'ai_family not supported']],
  [EAI_SOCKTYPE, ['EAI_SOCKTYPE', 'ai_socktype not supported']],
  [EAI_SERVICE, ['EAI_SERVICE', 'Servname not supported for ai_socktype']],
  [EAI_ADDRFAMILY, ['EAI_ADDRFAMILY', 'Address family for hostname not supported']],
  [EAI_MEMORY, ['EAI_MEMORY', 'Memory allocation failure']],
  [EAI_SYSTEM, ['EAI_SYSTEM', 'System error']],
  // glibc has no sentence for this one.
  [EAI_OVERFLOW, ['EAI_OVERFLOW', UNKNOWN]],
  [EAI_INPROGRESS, ['EAI_INPROGRESS', 'Processing request in progress']],
  [EAI_CANCELED, ['EAI_CANCELED', 'Request canceled']],
  [EAI_NOTCANCELED, ['EAI_NOTCANCELED', 'Request not canceled']],
  [EAI_ALLDONE, ['EAI_ALLDONE', 'All requests done']],
  [EAI_INTR, ['EAI_INTR', 'Interrupted by a signal']],
  [EAI_IDN_ENCODE, ['EAI_IDN_ENCODE', 'Parameter string not correctly encoded']],
]);

/** gai_strerror(3), as glibc words it in the C locale. */
export function gai_strerror(eai: number): string {
  return WORDS.get(eai)?.[1] ?? UNKNOWN;
}

/** What getaddrinfo and getnameinfo reject with. */
export class GaiError extends Error {
  override readonly name = 'GaiError';
  /** `EAI_NONAME` ... */
  readonly code: string;
  /** The number: EAI_NONAME is -2. */
  readonly errno: number;
  /** Name of the call. */
  readonly syscall: string;

  /** `cause`: the error of the call that failed, for EAI_SYSTEM. */
  constructor(eai: number, syscall: string, cause?: unknown) {
    const code = WORDS.get(eai)?.[0] ?? `EAI ${eai}`;
    super(`${syscall}: ${code}: ${gai_strerror(eai)}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.errno = eai;
    this.syscall = syscall;
  }
}
