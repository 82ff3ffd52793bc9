/** IP address validation for workflows, where Node's own is not available. */

const OCTET = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);
const GROUP = /^[0-9a-f]{1,4}$/i;

/** Whether the text is an IPv4 address, or an IPv6 address in a form of RFC 4291, 2.2 (without a zone). */
export function isIpAddress(text: string): boolean {
  return IPV4.test(text) || isIpv6(text);
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  const tail = last?.at(-1);
  // `::ffff:192.0.2.1`: the last four octets stand for two groups.
  if (tail !== undefined && IPV4.test(tail)) last?.splice(-1, 1, '0', '0');
  const all = groups.flat();
  if (!all.every((group) => GROUP.test(group))) return false;
  return halves.length === 2 ? all.length <= 7 : all.length === 8;
}
