import type { TopicChoice } from '#api';
import { type Broker, TopicPattern } from '#broker';
import { ProtocolError } from '#protocol';
import { type Access, topicNamed } from '#security';

/**
 * Returns the topics that a caller may subscribe to as a member of a group.
 *
 * Names are checked. A pattern stays a pattern for a caller who may read every topic; for any other
 * caller it stands for the matching topics that exist now and that the caller may read.
 * @throws ProtocolError TOPIC_AUTHORIZATION_FAILED
 */
export async function readableTopics(
  access: Access,
  broker: Broker,
  choices: readonly TopicChoice[],
): Promise<readonly TopicChoice[]> {
  const topics = new Map<string, TopicChoice>();
  const patterns: string[] = [];
  const readsAll = access.mayOnAll('Read', 'topic');
  for (const choice of choices) {
    if (typeof choice === 'string') {
      access.assertMay('Read', topicNamed(choice));
      topics.set(choice, choice);
    } else if (readsAll) topics.set(`pattern ${choice.pattern}`, choice);
    else patterns.push(choice.pattern);
  }
  for (const name of await readableMatches(access, broker, patterns)) topics.set(name, name);
  if (topics.size === 0 && patterns.length > 0) throw nothingReadable();
  return [...topics.values()];
}

async function readableMatches(
  access: Access,
  broker: Broker,
  texts: readonly string[],
): Promise<readonly string[]> {
  const patterns = texts.map((text) => TopicPattern.tryParse(text));
  if (patterns.length === 0) return [];
  const listed = await broker.listTopics({ includeInternal: false });
  const matches = ({ name }: { readonly name: string }): boolean =>
    patterns.some((each) => each instanceof TopicPattern && each.matches(name));
  return listed
    .filter((topic) => matches(topic) && access.may('Read', topicNamed(topic.name)))
    .map(({ name }) => name);
}

function nothingReadable(): ProtocolError {
  return new ProtocolError(
    'TOPIC_AUTHORIZATION_FAILED',
    'The caller may read no topic that matches the pattern.',
  );
}
