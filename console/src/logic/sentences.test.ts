import { expect, test } from 'vitest';
import { catalogueZh } from '../i18n/said/catalogue.zh';
import { interpreterOf } from './sentences';

const small = interpreterOf({
  titles: {},
  words: { source: '源端', insert: '插入' },
  sentences: {
    'the tables exist': '表存在',
    '{0} is gone from the source': '{0} 已从源端消失',
    '{0} is gone': '{0} 没了',
    'no table {0}{1}': '没有表 {0}{1}',
    '; is {0} meant?': '；是否指 {0}？',
    '{0} of a row of {1}: {2}': '{1} 某一行的{0!}：{2}',
    '{0} cannot be a {1}': '{0} 不能作为{1!}',
  },
});

test('a sentence is read by the template that explains most of it, and its places change their order', () => {
  expect(small('the tables exist')).toBe('表存在');
  expect(small('shop.t is gone from the source')).toBe('shop.t 已从源端消失');
  expect(small('insert of a row of shop.t: shop.u is gone')).toBe('shop.t 某一行的插入：shop.u 没了');
});

test('a name is never taken for a word of the service', () => {
  expect(small('source is gone')).toBe('source 没了');
  expect(small('kafka cannot be a source')).toBe('kafka 不能作为源端');
});

test('what is not known stays as it is', () => {
  expect(small('a sentence that nobody has put down')).toBeNull();
  expect(small('shop.t: the tables exist')).toBe('shop.t：表存在');
  expect(small('x is gone; who knows; the tables exist')).toBe('x 没了；who knows；表存在');
});

test('what may be added behind a name is read by itself, and may be missing', () => {
  expect(small('no table shop.t')).toBe('没有表 shop.t');
  expect(small('no table shop.t; is shop.T meant?')).toBe('没有表 shop.t；是否指 shop.T？');
});

test('several items of a precheck that failed are each read', () => {
  const said = 'source RDB_CONNECT: cannot connect to mysql://u@h:1/: no (error 1)';
  expect(interpreterOf(catalogueZh)(`2 items failed: ${said}; ${said.replace('source', 'target')}`)).toBe(
    '2 项未通过：源端 RDB_CONNECT：无法连接 mysql://u@h:1/：no (error 1)；目标端 RDB_CONNECT：无法连接 mysql://u@h:1/：no (error 1)',
  );
});

test('every template of the catalogue is found again when its places are filled', () => {
  const read = interpreterOf(catalogueZh);
  const lost = Object.keys(catalogueZh.sentences).filter((template) => {
    const filled = template.replace(/\{(\d+)\}/g, (_, place: string) => `v${place}`);
    const said = read(filled);
    return said === null || /\{\d+!?\}/.test(said) || ![...template.matchAll(/\{(\d+)\}/g)].every(([, place]) => said.includes(`v${place}`));
  });
  expect(lost).toEqual([]);
});
