import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError, RECORD_KEY_IS_JSON, RECORD_VALUE_IS_JSON } from '#protocol';
import { parseJsonRecord, parseJsonRecords } from './json-records.js';
import { LIMITS, latin1, pointers, problem, read, readOne } from './testing/read-records.js';

const BOTH = RECORD_VALUE_IS_JSON | RECORD_KEY_IS_JSON;

describe('parseJsonRecords', () => {
  it('reads a list of records', () => {
    const body = '{"records": [{"value": 1, "key": "a"}, {"value": [2]}]}';
    expect(read(parseJsonRecords(Buffer.from(body), LIMITS))).toMatchObject([
      { value: '1', key: 'a' },
      { value: '[2]', key: null },
    ]);
  });

  it('reads one record alone', () => {
    expect(readOne('{"value": {"a": 1}}')).toEqual({
      value: '{"a": 1}',
      key: null,
      headers: [],
      attributes: RECORD_VALUE_IS_JSON,
      partition: -1,
      timestamp: -1,
    });
  });

  it('keeps the bytes of the body as its source', () => {
    const body = Buffer.from('{"value":"abc"}');
    expect(parseJsonRecords(body, LIMITS).source).toBe(body);
  });

  it.each([
    '1e400',
    '-0',
    '12345678901234567890',
    '"a\\u00e9\\/"',
    '"\\ud800"',
    '{ "a" : 1 , "a" : 2 }',
    '[\n1,\t2]',
    'true',
    '""',
    '0',
  ])('stores the value %s as the text that was sent', (value) => {
    const record = readOne(`{ "value" : ${value} }`);
    expect(record).toMatchObject({ value: latin1(value), attributes: RECORD_VALUE_IS_JSON });
  });

  it('stores "value": null as a null value, which is not JSON', () => {
    expect(readOne('{"value":null,"key":"k"}')).toMatchObject({ value: null, attributes: 0 });
  });

  it('stores a string key as its UTF-8 bytes, without a flag', () => {
    expect(readOne('{"value":null,"key":"é\\n\\u00e9\\ud83d\\ude00\\/"}')).toMatchObject({
      key: latin1('é\né😀/'),
      attributes: 0,
    });
    expect(readOne('{"value":null,"key":""}').key).toBe('');
  });

  it.each(['7', '-1.50', 'true', '[1, 2]', '{"k" :1}'])('stores the key %s as JSON text', (key) => {
    expect(readOne(`{"key": ${key},"value":1}`)).toMatchObject({ key, attributes: BOTH });
  });

  it('takes a null key for none', () => {
    expect(readOne('{"key":null,"value":1}').key).toBeNull();
  });

  it('reads members in any order and with escaped names', () => {
    const text =
      '{"timestamp":5,"v\\u0061lue":1,"\\u006b\\u0065\\u0079":"k",' +
      '"partition":2,"headers":{"a":"b"}}';
    expect(readOne(text)).toEqual({
      value: '1',
      key: 'k',
      headers: [{ key: 'a', value: 'b' }],
      attributes: RECORD_VALUE_IS_JSON,
      partition: 2,
      timestamp: 5,
    });
    expect(
      read(parseJsonRecords(Buffer.from('{"rec\\u006frds":[{"value":1}]}'), LIMITS)),
    ).toHaveLength(1);
  });

  describe('base64', () => {
    it.each([
      ['', ''],
      ['AA==', '\x00'],
      ['/+8=', '\xff\xef'],
      ['\\/\\u002b8=', '\xff\xef'],
      ['aGVsbG8h', 'hello!'],
    ])('takes %j', (text, bytes) => {
      const record = readOne(`{"valueBase64":"${text}","keyBase64":"${text}"}`);
      expect(record).toMatchObject({ value: bytes, key: bytes, attributes: 0 });
    });

    it.each([
      '{"value":null,"valueBase64":"aGk=","key":null,"keyBase64":"aGk="}',
      '{"keyBase64":"aGk=","key":null,"valueBase64":"aGk=","value":null}',
    ])('takes a null beside it as if it were left out: %s', (text) => {
      expect(readOne(text)).toMatchObject({ value: 'hi', key: 'hi', attributes: 0 });
    });

    it('refuses any other value or key beside it', () => {
      for (const text of [
        '{"value":"","valueBase64":""}',
        '{"valueBase64":"","value":0}',
        '{"value":1,"key":"","keyBase64":""}',
        '{"value":1,"keyBase64":"","key":0}',
      ]) {
        expect(pointers(problem(text))).toEqual(['']);
      }
    });

    it.each([
      'A',
      'AA',
      'AAA',
      'AA=',
      'A===',
      '====',
      'AB==',
      'AAB=',
      'AA==AA==',
      '_-8=',
      'AA A',
      'AAAé',
    ])('refuses %j', (text) => {
      const error = problem(`{"valueBase64":"${text}"}`);
      expect(error.code).toBe('INVALID_RECORD');
      expect(error.faults).toEqual([
        { pointer: '/valueBase64', detail: expect.stringContaining('base64 with the standard') },
      ]);
      expect(pointers(problem(`{"value":1,"keyBase64":"${text}"}`))).toEqual(['/keyBase64']);
    });

    it('refuses what is not a string', () => {
      for (const value of ['null', '1', '{}', 'true']) {
        expect(pointers(problem(`{"valueBase64":${value}}`))).toEqual(['/valueBase64']);
      }
    });

    it('takes every sequence of bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 50 }), (array) => {
          const bytes = Buffer.from(array);
          const record = readOne(`{"valueBase64":"${bytes.toString('base64')}"}`);
          expect(record.value).toBe(bytes.toString('latin1'));
        }),
      );
    });
  });

  describe('partition and timestamp', () => {
    it.each([
      ['0', 0],
      ['2147483647', 2_147_483_647],
      ['7.0', 7],
      ['1e2', 100],
      ['-0', 0],
    ])('takes the partition %s', (text, partition) => {
      expect(readOne(`{"value":1,"partition":${text}}`).partition).toBe(partition);
    });

    it.each([
      '-1',
      '1.5',
      '2147483648',
      '1e400',
      '"1"',
      'null',
      'true',
      '[]',
      '99999999999999999999',
    ])('refuses the partition %s', (text) => {
      const error = problem(`{"value":1,"partition":${text}}`);
      expect(error.code).toBe('INVALID_RECORD');
      expect(pointers(error)).toEqual(['/partition']);
    });

    it.each([
      ['0', 0],
      ['1700000000123', 1_700_000_000_123],
      ['9007199254740991', Number.MAX_SAFE_INTEGER],
      ['1.7e12', 1_700_000_000_000],
    ])('takes the timestamp %s', (text, timestamp) => {
      expect(readOne(`{"value":1,"timestamp":${text}}`).timestamp).toBe(timestamp);
    });

    it.each(['-1', '0.5', '9007199254740992', '9007199254740993', '"0"', 'null', '{}', '1e999'])(
      'refuses the timestamp %s',
      (text) => {
        const error = problem(`{"value":1,"timestamp":${text}}`);
        expect(error.code).toBe('INVALID_TIMESTAMP');
        expect(pointers(error)).toEqual(['/timestamp']);
      },
    );
  });

  describe('faults', () => {
    it.each([
      ['{}', ['']],
      ['{"key":"k"}', ['']],
      ['{"value":1,"valueBase64":"AA=="}', ['']],
      ['{"value":1,"key":1,"keyBase64":"AA=="}', ['']],
      ['{"value":1,"val":2}', ['/val']],
      ['{"value":1,"valueBase6":2}', ['/valueBase6']],
      ['{"value":1,"values":2}', ['/values']],
      ['{"value":1,"":2}', ['/']],
      ['{"value":1,"value":2}', ['/value']],
      ['{"value":1,"v\\u0061lue":2}', ['/value']],
      ['{"value":1,"key":"\\ud800"}', ['/key']],
      ['{"value":1,"key":"\\udc00\\ud800"}', ['/key']],
      ['{"value":1,"key":"\\ud800\\u0061"}', ['/key']],
      ['{"value":1,"key":"\\udc00\\udc00"}', ['/key']],
      ['{"records":[1,null,{"value":1}]}', ['/records/0', '/records/1']],
    ])('are found in %s', (text, expected) => {
      const error = problem(text);
      expect(error.code).toBe('INVALID_RECORD');
      expect(error.outcome).toBe('failed');
      expect(pointers(error)).toEqual(expected);
    });

    it('name the member that is unknown or repeated', () => {
      expect(problem('{"value":1,"a/b~c":2}').faults).toEqual([
        { pointer: '/a~1b~0c', detail: 'unknown member "a/b~c"' },
      ]);
      expect(problem('{"value":1,"\\u0076alue":2}').faults[0]?.detail).toBe(
        'repeated member "value"',
      );
    });

    it('are all found, each with its place', () => {
      const error = problem(
        '{"records":[{"value":1,"x":1,"timestamp":-1},' +
          '{"valueBase64":"*","partition":-1},{"value":1}]}',
      );
      expect(error.code).toBe('INVALID_RECORD');
      expect(pointers(error)).toEqual([
        '/records/0/x',
        '/records/0/timestamp',
        '/records/1/valueBase64',
        '/records/1/partition',
      ]);
      expect(error.message).toBe('/records/0/x: unknown member "x" (the first of 4 faults).');
    });

    it('are INVALID_TIMESTAMP when timestamps alone are at fault', () => {
      const record = '{"value":1,"timestamp":-1}';
      expect(problem(`{"records":[${record},${record}]}`).code).toBe('INVALID_TIMESTAMP');
    });

    it('are listed up to twenty, and counted', () => {
      const error = problem(`{"records":[${Array.from({ length: 30 }, () => '{}').join()}]}`);
      expect(error.faults).toHaveLength(20);
      expect(error.faultsOmitted).toBe(10);
    });

    it('do not repeat a name of any length', () => {
      const error = problem(`{"value":1,"${'x'.repeat(5000)}":1}`);
      expect(pointers(error)).toEqual(['']);
      expect(error.faults[0]?.detail.length).toBeLessThan(200);
    });
  });

  describe('the shape of the body', () => {
    it.each([
      ['[]', ['']],
      ['1', ['']],
      ['null', ['']],
      ['{"records":[]}', ['/records']],
      ['{"records":{}}', ['/records']],
      ['{"records":null}', ['/records']],
      ['{"records":[{"value":1}],"more":1}', ['/more']],
      ['{"records":[{"value":1}],"value":1}', ['/value']],
      ['{"records":[{"value":1}],"records":[{"value":1}]}', ['/records']],
      ['{"more":1,"records":[{"value":1},{"x":1}]}', ['/more', '/records/1/x', '/records/1']],
      ['{"value":1,"records":[{"value":1}]}', ['/value']],
    ])('is refused: %s', (text, expected) => {
      const error = problem(text);
      expect(error.code).toBe('INVALID_REQUEST');
      expect(pointers(error)).toEqual(expected);
    });

    it('has at most as many records as the limit, and names it', () => {
      const body = (count: number) =>
        `{"records":[${Array.from({ length: count }, () => '{"value":1}').join()}]}`;
      expect(parseJsonRecords(Buffer.from(body(1000)), LIMITS).count).toBe(1000);
      const error = problem(body(1003));
      expect(error.code).toBe('REQUEST_TOO_LARGE');
      expect(error.faults).toEqual([
        {
          pointer: '/records',
          detail: 'a request has at most 1000 records (SLUICE_RECORDS_PER_REQUEST_MAX)',
        },
      ]);
    });

    it.each([
      '',
      ' ',
      '{',
      '{"value":1',
      '{"value":1}}',
      '{"records":[{"value":1},]}',
      '{"value":01}',
      '{1}',
    ])('is not JSON: %j', (text) => {
      const error = problem(text);
      expect(error.code).toBe('INVALID_REQUEST');
      expect(error.message).toContain('The body is not valid JSON: expected ');
      expect(error.members).toHaveProperty('position');
      expect(error.faults.map(({ pointer }) => pointer)).toEqual(['']);
    });

    it('is not JSON: says where', () => {
      expect(problem('{"value":\n  truw}').members).toEqual({ position: 15, line: 2, column: 6 });
      expect(problem(Buffer.from('{"value":"\xff"}', 'latin1')).members).toMatchObject({
        position: 10,
      });
      expect(problem(Buffer.from('\ufeff{"value":1}')).message).toContain('a byte order mark');
    });
  });

  it('agrees with JSON.parse on what is a body, and with what was put into it', () => {
    const space = fc.constantFrom('', '', ' ', '\n', '\t\r\n');
    const escaped = (text: string) =>
      text
        .split('')
        .map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .join('');
    const name = (text: string) => fc.constantFrom(`"${text}"`, `"${text}"`, `"${escaped(text)}"`);
    const json = fc.oneof(
      fc.json(),
      fc.string({ unit: 'grapheme' }).map((s) => JSON.stringify(s)),
    );
    const string = fc.string({ unit: 'grapheme' }).map((s) => JSON.stringify(s));
    const record = fc
      .record({
        value: json,
        key: fc.option(fc.oneof(string, json)),
        partition: fc.option(fc.nat()),
      })
      .chain(({ value, key, partition }) => {
        const members = [
          ['value', value],
          ...(key === null ? [] : [['key', key]]),
          ...(partition === null ? [] : [['partition', String(partition)]]),
        ] as [string, string][];
        return fc
          .tuple(
            fc.shuffledSubarray(members, { minLength: members.length }),
            fc.array(space, { minLength: 20, maxLength: 20 }),
            fc.tuple(name('value'), name('key'), name('partition')),
          )
          .map(([order, s, [valueName, keyName, partitionName]]) => {
            const names = { value: valueName, key: keyName, partition: partitionName };
            let at = 0;
            const gap = () => {
              at += 1;
              return s[(at - 1) % s.length] ?? '';
            };
            const text = order
              .map(([n, v]) => `${gap()}${names[n as 'value']}${gap()}:${gap()}${v}${gap()}`)
              .join(',');
            const keyValue = key === null ? null : (JSON.parse(key) as unknown);
            const expected = {
              value: value === 'null' ? null : latin1(value),
              key:
                typeof keyValue === 'string'
                  ? latin1(keyValue)
                  : keyValue === null
                    ? null
                    : latin1(key ?? ''),
              partition: partition ?? -1,
            };
            return { text: `{${text}}`, expected };
          });
      });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), space, (records, gap) => {
        const list = records.map(({ text }) => text).join(`${gap},${gap}`);
        const body = `${gap}{${gap}"records"${gap}:${gap}[${gap}${list}${gap}]${gap}}${gap}`;
        expect((JSON.parse(body) as { records: unknown[] }).records).toHaveLength(records.length);
        const set = parseJsonRecords(Buffer.from(body), LIMITS);
        expect(read(set)).toMatchObject(records.map(({ expected }) => expected));
        for (const { text, expected } of records) {
          expect(read(parseJsonRecord(Buffer.from(text), LIMITS))).toMatchObject([expected]);
          expect(readOne(text)).toMatchObject(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('never throws anything but its own errors, whatever comes', () => {
    const texts = String.raw`{ } [ ] , : "records" "value" "valueBase64" "key" "headers" "x"
      "partition" "timestamp" "keyBase64" 1 null "AA==" "\ud800" {"value":1}
      {"records":[ {"value": [{"key":"a","value":`;
    const parts = fc.constantFrom(...texts.split(/\s+/), ' ');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 20 }), (chosen) => {
        const text = chosen.join('');
        const tryParse = (parse: typeof parseJsonRecords): ProtocolError | undefined => {
          try {
            parse(Buffer.from(text), LIMITS);
            return undefined;
          } catch (error) {
            if (error instanceof ProtocolError) return error;
            throw error;
          }
        };
        const isJson = ((): boolean => {
          try {
            JSON.parse(text);
            return true;
          } catch {
            return false;
          }
        })();
        for (const parse of [parseJsonRecords, parseJsonRecord]) {
          const error = tryParse(parse);
          expect(error !== undefined && 'position' in error.members).toBe(!isJson);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseJsonRecord', () => {
  it('reads one record', () => {
    expect(read(parseJsonRecord(Buffer.from(' {"value":1} \r'), LIMITS))).toMatchObject([
      { value: '1' },
    ]);
  });

  it('knows no list of records', () => {
    const error = problem('{"records":[{"value":1}]}', parseJsonRecord);
    expect(error.code).toBe('INVALID_RECORD');
    expect(pointers(error)).toEqual(['/records', '']);
  });

  it('says of a line that it is not a record, or not JSON', () => {
    expect(problem('[1]', parseJsonRecord)).toMatchObject({
      code: 'INVALID_RECORD',
      message: 'A record is an object: {"value": ...}.',
    });
    expect(problem('{"value":', parseJsonRecord).message).toContain('The line is not valid JSON');
  });
});
