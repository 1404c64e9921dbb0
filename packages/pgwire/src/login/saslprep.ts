/**
 * SASLprep (RFC 4013): the same password typed on two keyboards becomes the same characters. As in PostgreSQL, a
 * password that the rules forbid is taken as it is, so that old ones go on working.
 *
 * The platform knows a newer Unicode than the 3.2 of the RFC: characters that have been assigned since are not refused.
 */
export function saslprep(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password;
  const prepared = password.replace(OTHER_SPACES, ' ').replace(MAPPED_TO_NOTHING, '').normalize('NFKC');
  if (prepared === '' || PROHIBITED.test(prepared) || mixesDirections(prepared)) return password;
  return prepared;
}

/** RFC 3454, C.1.2. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
/** RFC 3454, B.1. */
// biome-ignore lint/suspicious/noMisleadingCharacterClass: single code points are what is meant
const MAPPED_TO_NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
/**
 * RFC 3454, C.2 to C.9: control characters, private use, no characters, surrogates, what is wrong in plain text, what
 * changes the display, tags; and A.1, what is not assigned. What C.8 forbids besides, NFKC has replaced.
 */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cn}\p{Cs}\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;

/** RFC 3454, D.1, by the scripts that are written from right to left. */
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u;
const LETTER = /\p{L}/u;

/** RFC 3454, 6: text from right to left begins and ends with such a letter, and has no letter of the other direction. */
function mixesDirections(text: string): boolean {
  if (!RIGHT_TO_LEFT.test(text)) return false;
  const characters = [...text];
  const isRight = (character: string | undefined): boolean => RIGHT_TO_LEFT.test(character ?? '');
  return (
    characters.some((character) => LETTER.test(character) && !isRight(character)) ||
    !isRight(characters[0]) ||
    !isRight(characters.at(-1))
  );
}
