import { TOPIC_CONFIG_KEYS, TOPIC_CONFIGS } from '#protocol';
import { ref, type Schema } from '../schema/json-schema.js';

/** Schemas of the configs of a topic. */
export const CONFIG_SCHEMAS: Readonly<Record<string, Schema>> = {
  ConfigValue: {
    anyOf: [
      { type: 'string' },
      { type: 'number', format: 'double' },
      { type: 'boolean' },
      { type: 'null' },
    ],
    description: "A number, a boolean or Kafka's string for it; null is the default.",
  },
  ConfigsToSet: {
    type: 'object',
    description: "Configs under Kafka's names.",
    properties: perConfig((key) => ({
      ...ref('ConfigValue'),
      description: `${TOPIC_CONFIGS[key].sentence} Accepted: ${TOPIC_CONFIGS[key].accepts}.`,
    })),
    additionalProperties: false,
  },
  EffectiveConfigs: {
    type: 'object',
    description: "All effective configs, as Kafka's strings.",
    properties: perConfig(() => ({ type: 'string' })),
    required: [...TOPIC_CONFIG_KEYS],
  },
  ConfigSource: { type: 'string', enum: ['default', 'topic'] },
  ConfigSources: {
    type: 'object',
    description: 'Source of each config.',
    properties: perConfig(() => ref('ConfigSource')),
    required: [...TOPIC_CONFIG_KEYS],
  },
};

function perConfig(
  schemaOf: (key: (typeof TOPIC_CONFIG_KEYS)[number]) => Schema,
): Readonly<Record<string, Schema>> {
  return Object.fromEntries(TOPIC_CONFIG_KEYS.map((key) => [key, schemaOf(key)]));
}
