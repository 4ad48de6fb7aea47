/** What the service says, in Chinese: loaded only by who reads Chinese. */
import type { Catalogue } from '../../logic/sentences';
import sentences from './sentences.zh.json';
import titles from './titles.zh.json';
import words from './words.zh.json';

export const catalogueZh: Catalogue = { sentences, titles, words };
