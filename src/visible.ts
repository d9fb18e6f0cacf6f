/**
 * Text that shows as it is: what would hide, reorder or break what stands around it, on a terminal or a page, is written
 * as JSON writes it, `\u202e`. JSON stays the same JSON. Every way out for a stranger's text uses this.
 */
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

/** The same for a text of several lines: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(hidden, (found) => (found === "\n" || found === "\t" ? found : escaped(found)));
}

/**
 * Controls (C0, DEL, C1), separators of lines and paragraphs, halves of a character, marks of direction, and all that takes
 * no room: zero-width blanks and joiners, fillers, tags, selectors. An emoji keeps its selector, and the joiners inside it.
 */
const hidden =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}](?<!\p{Extended_Pictographic}\p{Emoji_Modifier}?\ufe0f)(?<!\p{Extended_Pictographic}\p{Emoji_Modifier}?\ufe0f?\u200d(?=\p{Extended_Pictographic}))/gu;

function escaped(character: string): string {
  return character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
