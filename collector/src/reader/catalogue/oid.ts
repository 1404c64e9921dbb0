/** The first number that PostgreSQL gives to an object of a user; all below are its own. */
const FIRST_USER_OID = 16_384;
/** Below 2³¹, since some drivers read an OID as a signed number of 32 bits. */
const RANGE = 2 ** 30;

/**
 * The OID of what goes by this name: the same at every start, in every ledger, whatever else there is, since clients
 * remember them. FNV-1a over the UTF-16 units; two of some dozens of names meet about once in 10⁶ sets, and a test looks.
 */
export function relationOid(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193) >>> 0;
  }
  return FIRST_USER_OID + (hash % RANGE);
}
