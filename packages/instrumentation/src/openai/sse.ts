/** Longer lines carry content, never usage; they are skipped instead of kept. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/**
 * Reads server-sent events from pieces of text and hands on the JSON of each `data` line. Providers of this protocol
 * send one line per event, so the multi-line form of the standard is not joined.
 */
export function eventReader(onEvent: (event: unknown) => void): (piece: string) => void {
  let rest = '';
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS) rest = '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const payload = line.slice('data:'.length).trim();
      if (payload === '' || payload === '[DONE]') continue;
      onEvent(JSON.parse(payload));
    }
  };
}
