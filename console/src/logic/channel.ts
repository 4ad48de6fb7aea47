/** The fields of a channel's form, and the settings they stand for. */
import type { Channel } from '../api/types';

export type ChannelKind = Channel['kind'];
export const CHANNEL_KINDS: ChannelKind[] = ['webhook', 'chat', 'email'];

export interface Taking {
  levels: string[];
  rules: string[];
  labels: string[];
}

/** All fields of all kinds; a kind takes those that are its own. */
export interface ChannelFields {
  url: string;
  secret: string;
  preset: string;
  template: string;
  host: string;
  port: number;
  security: string;
  username: string;
  password: string;
  sender: string;
  /** One a line. */
  recipients: string;
  taking: Taking;
}

const EMPTY: ChannelFields = {
  url: '',
  secret: '',
  preset: 'slack',
  template: '',
  host: '',
  port: 587,
  security: 'starttls',
  username: '',
  password: '',
  sender: '',
  recipients: '',
  taking: { levels: [], rules: [], labels: [] },
};

export const OWN_FIELDS: Record<ChannelKind, (keyof ChannelFields)[]> = {
  webhook: ['url', 'secret'],
  chat: ['preset', 'url', 'secret', 'template'],
  email: ['host', 'port', 'security', 'username', 'password', 'sender', 'recipients'],
};

/** The form of kept settings; secrets come masked, and sent masked they stay. */
export function fieldsOf(kind: ChannelKind, settings: Record<string, unknown>): ChannelFields {
  const found: Record<string, unknown> = { ...EMPTY };
  for (const name of OWN_FIELDS[kind]) if (settings[name] !== undefined) found[name] = settings[name];
  if (Array.isArray(settings['recipients'])) found['recipients'] = settings['recipients'].join('\n');
  found['taking'] = { ...EMPTY.taking, ...(settings['taking'] as Partial<Taking> | undefined) };
  return found as unknown as ChannelFields;
}

export function settingsOf(kind: ChannelKind, fields: ChannelFields): Record<string, unknown> {
  const found: Record<string, unknown> = { taking: fields.taking };
  for (const name of OWN_FIELDS[kind]) found[name] = fields[name];
  if (kind === 'email') found['recipients'] = fields.recipients.split('\n').map((each) => each.trim()).filter(Boolean);
  return found;
}
