import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { FilterError } from './filter-error.ts';
import { parseFilter } from './parser.ts';
import type { Arithmetic, Condition } from './syntax-tree.ts';

/** The tree in one line, with all parentheses. */
function tree(text: string): string {
  const condition = parseFilter(text);
  return condition === null ? '' : show(condition);
}

function show(condition: Condition): string {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return `(${show(condition.left)} ${condition.kind} ${show(condition.right)})`;
    case 'not':
      return `!${show(condition.of)}`;
    case 'relation':
      return `${value(condition.left)}${condition.relation}${value(condition.right)}`;
    case 'match': {
      const { protocol, direction, type } = condition.qualifiers;
      const { token, prefixLen, mask } = condition.identifier;
      const text = token.text + (prefixLen < 0 ? '' : `/${prefixLen}`) + (mask === null ? '' : ` mask ${mask}`);
      return [protocol, direction, type, text].filter((part) => part !== null).join('.');
    }
    case 'protocol':
      return condition.protocol;
    case 'vlan':
      return `vlan(${condition.id ?? ''})`;
    case 'broadcast':
    case 'multicast':
      return `${condition.protocol ?? ''}.${condition.kind}`;
    default:
      return condition.kind;
  }
}

function value(arithmetic: Arithmetic): string {
  switch (arithmetic.kind) {
    case 'number':
      return String(arithmetic.value);
    case 'length':
      return 'len';
    case 'negate':
      return `-${value(arithmetic.of)}`;
    case 'binary':
      return `(${value(arithmetic.left)}${arithmetic.operator}${value(arithmetic.right)})`;
    case 'packet':
      return `${arithmetic.protocol}[${value(arithmetic.index)}:${arithmetic.size}]`;
  }
}

function complaint(text: string): string {
  try {
    parseFilter(text);
  } catch (error) {
    if (error instanceof FilterError) return `${error.at}: ${error.message}`;
    throw error;
  }
  return 'none';
}

test('nothing but space is a filter, too', () => {
  equal(parseFilter(' \n'), null);
});

test('and, or: alike, from the left; not before both', () => {
  equal(tree('ip or arp and tcp'), '((ip or arp) and tcp)');
  equal(tree('ip or (arp and tcp)'), '(ip or (arp and tcp))');
  equal(tree('not ip and ! arp'), '(!ip and !arp)');
  equal(tree('ip && arp || tcp'), '((ip and arp) or tcp)');
  equal(tree('not not ip'), 'ip');
  equal(tree('not (ip or arp)'), '!(ip or arp)');
});

test('qualifiers, in their order', () => {
  equal(tree('host 10.0.0.1'), 'host.10.0.0.1');
  equal(tree('src 10.0.0.1'), 'src.default.10.0.0.1');
  equal(tree('tcp src port 80'), 'tcp.src.port.80');
  equal(tree('src or dst port 80'), 'either.port.80');
  equal(tree('dst && src net 10'), 'both.net.10');
  equal(tree('ether host 1:2:3:4:5:6'), 'link.host.1:2:3:4:5:6');
  equal(tree('ip6 proto 17'), 'ip6.proto.17');
  equal(tree('net 10.0.0.0/8'), 'net.10.0.0.0/8');
  equal(tree('net 10.0.0.0 mask 255.0.0.0'), 'net.10.0.0.0 mask 255.0.0.0');
  equal(tree('src net 2001:db8::/32'), 'src.net.2001:db8::/32');
});

test('names and numbers without qualifiers take those before them', () => {
  equal(tree('port 80 or 443'), '(port.80 or port.443)');
  equal(tree('tcp src port 80 and not 443'), '(tcp.src.port.80 and !tcp.src.port.443)');
  equal(tree('host a and b or c'), '((host.a and host.b) or host.c)');
  equal(tree('port (80 or 443)'), '(port.80 or port.443)');
  equal(tree('port not (80 or 443)'), '!(port.80 or port.443)');
  equal(tree('port 80 or (443 and 22)'), '(port.80 or (port.443 and port.22))');
  equal(tree('host a and port 80 or 443'), '((host.a and port.80) or port.443)');
  equal(tree('port ((80))'), 'port.80');
  equal(tree('(host a) and (not b)'), '(host.a and !host.b)');
});

test('a protocol alone, a comparison or a vlan hand on no qualifiers', () => {
  for (const text of ['tcp and 80', 'port 80 or tcp or 443', 'ip[0] = 5 and 80', 'vlan and 10.0.0.1', '80', 'not 80', '(80 or 443)']) {
    equal(/alone says nothing/.test(complaint(text)), true, text);
  }
});

test('lists of names hold only names, conditions only conditions', () => {
  equal(complaint('port 80 or (81 or tcp)'), "18: there is 'tcp' in a list of names and numbers");
  equal(complaint('port (tcp)'), '5: there is a condition where a port should be');
});

test('arithmetic: precedence, and operators that take all to their right', () => {
  equal(tree('1 + 2 * 3 = 7'), '(1+(2*3))=7');
  equal(tree('1 - 2 - 3 = 0'), '((1-2)-3)=0');
  equal(tree('1 | 2 & 3 << 4 + 5 = 0'), '(1|(2&(3<<(4+5))))=0');
  equal(tree('7 % 4 + 1 = 2'), '(7%(4+1))=2');
  equal(tree('2 * 7 % 4 = 6'), '(2*(7%4))=6');
  equal(tree('1 ^ 2 | 3 = 2'), '(1^(2|3))=2');
  equal(tree('-1 + 2 = 1'), '(-1+2)=1');
  equal(tree('(1 + 2) * 3 == 9'), '((1+2)*3)=9');
});

test('arithmetic: places in the packet', () => {
  equal(tree('tcp[13] & 2 != 0'), '(tcp[13:1]&2)!=0');
  equal(tree('ip[ip[0] & 15:2] > len'), 'ip[(ip[0:1]&15):2]>len');
  equal(tree('tcp[tcpflags] = tcp-syn'), 'tcp[13:1]=2');
});

test('what a parenthesis holds is known when it ends', () => {
  equal(tree('(tcp[0] + 1) * 2 = 4 and (tcp or (udp))'), '(((tcp[0:1]+1)*2)=4 and (tcp or udp))');
  equal(tree('(5) = ip[0]'), '5=ip[0:1]');
  equal(tree('port 80 and (5) = ip[0]'), '(port.80 and 5=ip[0:1])');
  equal(tree('port 80 and (5)'), '(port.80 and port.5)');
  equal(tree('not (ip[0]) = 5'), '!ip[0:1]=5');
});

test('primitives with a grammar of their own', () => {
  equal(tree('less 100 and greater 5'), '(len<=100 and len>=5)');
  equal(tree('vlan and vlan 5 and vlan (6)'), '((vlan() and vlan(5)) and vlan(6))');
  equal(tree('broadcast or ip multicast'), '(.broadcast or ip.multicast)');
  equal(tree('inbound or outbound or pppoed'), '((inbound or outbound) or pppoed)');
});

test('errors name the place and what should stand there', () => {
  equal(complaint('tcp and'), '7: the filter ends where a condition should be');
  equal(complaint('tcp udp'), "4: there is 'udp' where 'and', 'or' or the end of the filter should be");
  equal(complaint('(tcp'), "4: the filter ends where ')' for the '(' at 1 should be");
  equal(complaint('tcp)'), "3: there is ')' where 'and', 'or' or the end of the filter should be");
  equal(complaint('host'), '4: the filter ends where a host should be');
  equal(complaint('ip proto tcp'), "9: there is 'tcp' where a protocol (its word behind a backslash, as in \\tcp) should be");
  equal(complaint('tcp[0:3] = 1'), '6: a size is 1, 2 or 4, not 3');
  equal(complaint('ip[0] & 5'), '0: a value is compared with nothing');
  equal(complaint('len > tcp'), "9: the filter ends where '[' behind the protocol should be");
});

test('depth is limited; long chains are not deep', () => {
  throws(() => parseFilter('('.repeat(500) + 'tcp' + ')'.repeat(500)), /200 parentheses/);
  throws(() => parseFilter(`${'ip['.repeat(500)}0${']'.repeat(500)} = 1`), /200 parentheses/);
  throws(() => parseFilter(`${'- '.repeat(500)}1 = 1`), /200 parentheses/);
  equal(parseFilter('not '.repeat(5001) + 'tcp')?.kind, 'not');
  equal(parseFilter(`port ${Array.from({ length: 5000 }, (_, i) => i).join(' or ')}`)?.kind, 'or');
});
