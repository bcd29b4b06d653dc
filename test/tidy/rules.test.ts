import { expect, test } from 'vitest';
import { RULES } from './rules.js';
import { parseSource } from './source-file.js';

/** Lines that the rule finds fault with in a file of a library. */
function linesFound(rule: keyof typeof RULES, text: string): number[] {
  return RULES[rule](parseSource('libs/log/src/sample.ts', text)).map(({ line }) => line);
}

const manyLines = (count: number) => 'call();\n'.repeat(count);

test('a function of 71 lines is found, one of 70 and a list of tests are not', () => {
  expect(linesFound('function-length', `function f() {\n${manyLines(69)}}`)).toEqual([1]);
  expect(linesFound('function-length', `function f() {\n${manyLines(68)}}`)).toEqual([]);
  expect(linesFound('function-length', `describe('a', () => {\n${manyLines(90)}});`)).toEqual([]);
});

test('a file of 501 lines is found, one of 500 is not', () => {
  expect(linesFound('file-length', manyLines(501))).toEqual([1]);
  expect(linesFound('file-length', manyLines(500))).toEqual([]);
});

test('a comment of 101 columns is found, a string that crosses the limit is not', () => {
  expect(linesFound('line-length', `ok();\n// ${'x'.repeat(98)}`)).toEqual([2]);
  expect(linesFound('line-length', `// ${'x'.repeat(97)}`)).toEqual([]);
  expect(linesFound('line-length', `const text = '${'x'.repeat(120)}';`)).toEqual([]);
});

test('private members and parameters are found, private constructors are not', () => {
  const members = 'class A {\n  private a = 1;\n  #b = 2;\n  private c() {}\n}';
  expect(linesFound('private-keyword', members)).toEqual([2, 4]);
  expect(linesFound('private-keyword', 'class A { constructor(private a: number) {} }')).toEqual([
    1,
  ]);
  expect(linesFound('private-keyword', 'class A { private constructor() {} }')).toEqual([]);
});

test('increments and decrements are found', () => {
  expect(linesFound('increment-operator', 'i++;\n--i;\ni += 1;\nconst j = -i;')).toEqual([1, 2]);
});

test('sentences without a subject are found in docstrings and comments', () => {
  const found = (text: string) => linesFound('headless-sentence', text);
  expect(found('/** Of the metadata. */')).toEqual([1]);
  expect(found('/** Metadata version. Who takes fewer reads it. */')).toEqual([1]);
  expect(found('call(); // What is left is sent.')).toEqual([1]);
  expect(found('/** In bytes. */')).toEqual([1]);
  expect(found('ok();\n// Long lines are\n// wrapped. Where they end\n// nobody knows.')).toEqual([
    2,
  ]);
});

test('phrases that readers stumble over are found in comments, titles and messages', () => {
  const found = (text: string) => linesFound('plain-phrase', text);
  expect(found('ok();\n// A line that is no record.')).toEqual([2]);
  expect(found("test('tells of lost records', run);")).toEqual([1]);
  expect(found("throw new Error('This was to be a topic.');")).toEqual([1]);
  expect(found('/** The log is opened anew. */')).toEqual([1]);
  expect(
    found('/** There is no record; it is no longer kept, and one line is to blame. */'),
  ).toEqual([]);
});

test('sentences with a subject and questions are not found', () => {
  const found = (text: string) => linesFound('headless-sentence', text);
  expect(found('/** Size of the metadata, in bytes. */')).toEqual([]);
  expect(found('// What happens when the disk is full? The write is refused.')).toEqual([]);
  expect(found("const text = 'What is this';")).toEqual([]);
  expect(found('// In a cluster, the leader answers.')).toEqual([]);
});

test('a class of a library with async methods must state its overlap rule', () => {
  const body = 'class A {\n  async read() {}\n}';
  expect(linesFound('overlap-rule', body)).toEqual([1]);
  expect(linesFound('overlap-rule', `/** Reads. Overlap: reads may overlap. */\n${body}`)).toEqual(
    [],
  );
  expect(linesFound('overlap-rule', 'class A {\n  read() {}\n}')).toEqual([]);
});

test('a class of the contract implements a type, or is listed with a reason', () => {
  const found = (text: string) =>
    RULES['contract-type'](parseSource('libs/api/src/rest/a.dto.ts', text)).length;
  expect(found('export class TopicDto {}')).toBe(1);
  expect(found('export class TopicDto extends Base {}')).toBe(1);
  expect(found('export class TopicDto implements TopicDescription {}')).toBe(0);
  expect(found('export class PingDto {}')).toBe(0);
  expect(found('export class PingDto implements Ping {}')).toBe(1);
  expect(linesFound('contract-type', 'class TopicDto {}')).toEqual([]);
});
