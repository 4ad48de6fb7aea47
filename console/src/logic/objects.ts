/** What is chosen in the tree of objects, written as the API takes it. */

export interface Choice {
  /** Keys of checked nodes: `d:database` or `t:database\u0000table`. */
  checked: string[];
  rename: Record<string, string>;
  where: Record<string, string>;
}

export const databaseKey = (database: string) => `d:${database}`;
export const tableKey = (database: string, table: string) => `t:${database}\u0000${table}`;

export function partsOf(key: string): { database: string; table: string | null } {
  const [database = '', table] = key.slice(2).split('\u0000');
  return { database, table: table ?? null };
}

/** Quote a name so that a pattern takes it as it is. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function plainOrQuoted(name: string): string {
  return /^[A-Za-z0-9_$]+$/.test(name) ? name : quoted(name);
}

/** The patterns of what is checked; a database that is checked whole stands for its tables, also later ones. */
export function patternsOf(checked: string[]): string[] {
  const whole = new Set(checked.filter((key) => key.startsWith('d:')).map((key) => partsOf(key).database));
  const databases = [...whole].map((name) => `${plainOrQuoted(name)}.*`);
  const tables = checked
    .filter((key) => key.startsWith('t:'))
    .map(partsOf)
    .filter(({ database }) => !whole.has(database))
    .map(({ database, table }) => `${plainOrQuoted(database)}.${plainOrQuoted(table ?? '')}`);
  return [...databases, ...tables];
}

/** Names of the API for what was renamed in the tree. */
export function namesOf(renamed: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, text] of Object.entries(renamed)) {
    const next = text.trim();
    const { database, table } = partsOf(key);
    if (!next || next === (table ?? database)) continue;
    const into = renamed[databaseKey(database)]?.trim() || database;
    if (table === null) found[database] = next;
    else found[`${plainOrQuoted(database)}.${plainOrQuoted(table)}`] = `${plainOrQuoted(into)}.${plainOrQuoted(next)}`;
  }
  return found;
}

export function filtersOf(where: Record<string, string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, text] of Object.entries(where)) {
    const { database, table } = partsOf(key);
    if (text.trim() && table !== null) found[`${database}.${table}`] = text.trim();
  }
  return found;
}

/** Lines of patterns as people type them; empty lines and comments are left out. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
}
