/**
 * Sentences of the service in the reader's language (ADR 0131).
 *
 * The service says things in English, by templates in its source. A catalogue holds each template with its places
 * numbered (`{0} is gone from the source`) and what it is in the other language; a place may be marked there (`{0!}`)
 * when its value is a word of the service (a role, a step, a status) and not a name. A sentence is recognized by the
 * template that explains most of it; what stands in its places is looked up in the same way, for sentences hold others.
 */
export interface Catalogue {
  /** Template → the same in the other language. */
  sentences: Record<string, string>;
  /** A word of the service → the same; only for places that say so. */
  words: Record<string, string>;
  /** Code of an error → what it means. */
  titles: Record<string, string>;
}

/** Returns the sentence in the other language, or `null` when the catalogue does not know it. */
export type Interpreter = (text: string) => string | null;

interface Pattern {
  /** The longest text between places: what cannot match is seen by this alone. */
  sign: string;
  shape: RegExp;
  /** Which place each group holds. */
  places: number[];
  meaning: string;
  /** How many letters the template itself explains. */
  weight: number;
}

const DEPTH = 4;
const REMEMBERED = 5000;
const PLACE = /\{(\d+)\}/;

export function interpreterOf({ sentences, words }: Catalogue): Interpreter {
  const patterns = Object.entries(sentences)
    .filter(([template]) => PLACE.test(template))
    .map(([template, meaning]) => patternOf(template, meaning))
    .sort((one, other) => other.weight - one.weight);
  const known = new Map<string, string | null>();

  const read = (text: string, depth: number): string | null => {
    const whole = sentences[text];
    if (whole !== undefined) return whole;
    for (const { sign, shape, places, meaning } of patterns) {
      const found = text.includes(sign) ? shape.exec(text) : null;
      if (!found) continue;
      const values: string[] = [];
      places.forEach((place, at) => (values[place] = found[at + 1] ?? ''));
      return meaning.replace(/\{(\d+)(!?)\}/g, (_, place: string, word: string) => inside(values[Number(place)] ?? '', !!word, depth));
    }
    return listed(text, depth);
  };

  /** What stands in a place: a word of the service where the template says so, else a sentence or a name. */
  const inside = (text: string, isWord: boolean, depth: number): string => {
    const said = text.trim();
    if (isWord && said in words) return words[said]!;
    return (said.includes(' ') && depth < DEPTH ? read(said, depth + 1) : null) ?? text;
  };

  /** Several sentences in one, or one behind the name of what it is about. */
  const listed = (text: string, depth: number): string | null => {
    const parts = text.split('; ');
    if (parts.length > 1 && depth < DEPTH) {
      const read_ = parts.map((part) => read(part, depth + 1));
      return read_.some((part) => part !== null) ? read_.map((part, at) => part ?? parts[at]).join('；') : null;
    }
    const [, side = '', name, rest] = /^(source |target |both )?(\S+): (.+)$/s.exec(text) ?? [];
    const said = rest && depth < DEPTH ? read(rest, depth + 1) : null;
    const where = side && `${words[side.trim()] ?? side.trim()} `;
    return said === null ? null : `${where}${name}：${said}`;
  };

  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    if (known.size >= REMEMBERED) known.clear();
    const said = read(text, 0);
    known.set(text, said);
    return said;
  };
}

function patternOf(template: string, meaning: string): Pattern {
  const places: number[] = [];
  const texts = template.split(/\{\d+\}/);
  template.replace(/\{(\d+)\}/g, (_, place: string) => String(places.push(Number(place))));
  const shape = texts
    .map((text, at) => (at === 0 ? '' : texts[at - 1] === '' && at > 1 ? BEHIND_A_PLACE : '(.*?)') + escaped(text))
    .join('');
  return {
    sign: texts.reduce((longest, text) => (text.length > longest.length ? text : longest), ''),
    shape: new RegExp(`^${shape}$`, 's'),
    places,
    meaning,
    weight: texts.join('').length,
  };
}

/** A place right behind another one holds what is added to it: nothing, or something that begins with a mark. */
const BEHIND_A_PLACE = '((?:[ ;:,(].*?)?)';

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
