/**
 * Names for filters from this machine's tables. Used by tcpdump.ts. Nothing is asked over the network, so a host's name must
 * stand in /etc/hosts.
 */
import { readFileSync } from 'node:fs';
import type { FilterNames } from '../bpf/names.ts';
import { namesFromFiles } from '../programs/tcpdump/name-files.ts';

/** Tables are read when the first name is looked up in them; one that is not there is empty. */
export function machineNames(): FilterNames {
  return namesFromFiles((path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  });
}
