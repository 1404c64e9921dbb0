const INSTANT =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d{2}:?\d{2})?$/;

/** Microseconds since the Unix epoch, null for no instant; without an offset UTC is meant, as everywhere in Spanledger. */
export function instantMicros(text: string): number | null {
  const [, day, clock = '00:00', fraction = '', offset = 'Z'] = INSTANT.exec(text.trim()) ?? [];
  if (day === undefined) return null;
  const zone = offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset.toUpperCase();
  const millis = Date.parse(`${day}T${clock}${zone}`);
  if (!Number.isFinite(millis)) return null;
  // `Date.parse` takes the 31st of June for the 1st of July.
  const isRealDay = new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
  return isRealDay ? millis * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)) : null;
}
