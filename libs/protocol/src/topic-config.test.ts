import { describe, expect, it } from 'vitest';
import {
  checkTopicConfig,
  effectiveConfigTexts,
  parseTopicConfig,
  TOPIC_CONFIG_KEYS,
} from './topic-config.js';

describe('topic configs', () => {
  it.each([
    ['retention.ms', 1000, '1000'],
    ['retention.ms', '-1', '-1'],
    ['retention.bytes', ' 42 ', '42'],
    ['cleanup.policy', 'delete, compact', 'compact,delete'],
    ['cleanup.policy', 'compact', 'compact'],
    ['min.cleanable.dirty.ratio', 0.25, '0.25'],
    ['unclean.leader.election.enable', true, 'true'],
    ['message.timestamp.type', 'LogAppendTime', 'LogAppendTime'],
    ['message.timestamp.before.max.ms', 0, '0'],
    ['message.timestamp.after.max.ms', '9223372036854775807', '9223372036854775807'],
    ['message.timestamp.before.max.ms', 2 ** 63, '9223372036854775807'],
    ['retention.ms', '9223372036854775807', '9223372036854775807'],
    ['retention.bytes', 2 ** 63, '9223372036854775807'],
    ['segment.ms', '9223372036854775807', '9223372036854775807'],
    ['min.compaction.lag.ms', '9223372036854775807', '9223372036854775807'],
    ['delete.retention.ms', '9223372036854775807', '9223372036854775807'],
  ] as const)('%s accepts %j and stores %j', (key, value, text) => {
    expect(checkTopicConfig(key, value)).toEqual({ ok: true, text });
  });

  it.each([
    ['retention.ms', -2],
    ['retention.ms', 1.5],
    ['retention.ms', '1e3'],
    ['retention.ms', Number.NaN],
    ['retention.ms', null],
    ['retention.ms', '9223372036854775808'],
    ['segment.bytes', '9223372036854775807'],
    ['segment.bytes', 1023],
    ['segment.bytes', 2 ** 31],
    ['cleanup.policy', ''],
    ['cleanup.policy', 'drop'],
    ['min.cleanable.dirty.ratio', 1.01],
    ['min.cleanable.dirty.ratio', '.5'],
    ['unclean.leader.election.enable', 'yes'],
    ['min.insync.replicas', 0],
    ['message.timestamp.before.max.ms', -1],
    ['message.timestamp.after.max.ms', '9223372036854775806'],
    ['message.timestamp.after.max.ms', '1e3'],
    ['message.timestamp.type', ['CreateTime']],
  ] as const)('%s refuses %j and says what it accepts', (key, value) => {
    const checked = checkTopicConfig(key, value);
    expect(checked.ok).toBe(false);
    if (!checked.ok) expect(checked.accepts).not.toBe('');
  });

  it('accept their own defaults', () => {
    const texts = effectiveConfigTexts({}, 3);
    for (const key of TOPIC_CONFIG_KEYS) {
      expect(checkTopicConfig(key, texts[key])).toEqual({ ok: true, text: texts[key] });
    }
  });

  it('require two in-sync replicas of a topic with several replicas, otherwise one', () => {
    expect(parseTopicConfig({}, 1)['min.insync.replicas']).toBe(1);
    expect(parseTopicConfig({}, 3)['min.insync.replicas']).toBe(2);
  });

  it("accept timestamps of any age, up to an hour ahead of the broker's clock (as Kafka 4)", () => {
    const config = parseTopicConfig({}, 1);
    expect(config['message.timestamp.before.max.ms']).toBe(Number.POSITIVE_INFINITY);
    expect(config['message.timestamp.after.max.ms']).toBe(3_600_000);
    const texts = effectiveConfigTexts({}, 1);
    expect(texts['message.timestamp.before.max.ms']).toBe('9223372036854775807');
  });

  it('apply overrides over defaults', () => {
    const config = parseTopicConfig({ 'retention.ms': '5', 'cleanup.policy': 'compact' }, 1);
    expect(config['retention.ms']).toBe(5);
    expect(config['cleanup.policy']).toBe('compact');
    expect(config['segment.bytes']).toBe(1_073_741_824);
  });
});
