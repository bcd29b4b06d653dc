import { beforeEach, describe, expect, test } from 'vitest';
import { ProtocolError } from '#protocol';
import type { MemoryBudget } from '#runtime';
import { Inbox, type InboxMessage, type InboxOwner, messageMemoryBytes } from './inbox.js';
import { messageMemory } from './testing/message-memory.js';

/**
 * Begins messages under the test's control: those with the text `slow` last until they are ended. A
 * message is answered when it is handled.
 */
class Owner implements InboxOwner {
  readonly #memory: MemoryBudget;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  readonly begun: string[] = [];
  isWilling = true;
  handledCount = 0;
  #end: (() => void) | undefined;

  mayBegin(): boolean {
    return this.isWilling;
  }

  begin(message: InboxMessage): Promise<void> | undefined {
    const text = message.bytes.toString();
    this.begun.push(text);
    if (text !== 'slow') {
      this.#memory.release(messageMemoryBytes(message));
      return undefined;
    }
    return new Promise((resolve) => {
      this.#end = () => {
        this.#memory.release(messageMemoryBytes(message));
        resolve();
      };
    });
  }

  handled(): void {
    this.handledCount += 1;
  }

  async end(): Promise<void> {
    this.#end?.();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function message(text: string): InboxMessage {
  return { bytes: Buffer.from(text), isBinary: false };
}

describe('an inbox', () => {
  let memory = messageMemory(1000);
  let owner = new Owner(memory);
  let inbox = new Inbox(owner, memory);

  beforeEach(() => {
    memory = messageMemory(1000);
    owner = new Owner(memory);
    inbox = new Inbox(owner, memory);
  });

  test('messages begin as they arrive, and answered ones hold no memory', () => {
    for (const text of ['a', 'b']) inbox.add(message(text));
    expect(owner.begun).toEqual(['a', 'b']);
    expect([inbox.isIdle, memory.heldBytes]).toEqual([true, 0]);
  });

  test('all messages wait in order behind a slow one', async () => {
    for (const text of ['slow', 'a', 'slow', 'b']) inbox.add(message(text));
    expect(owner.begun).toEqual(['slow']);
    expect(inbox.waiting).toBe(3);
    expect(memory.heldBytes).toBeGreaterThan(6);
    await owner.end();
    expect(owner.begun).toEqual(['slow', 'a', 'slow']);
    await owner.end();
    expect(owner.begun).toEqual(['slow', 'a', 'slow', 'b']);
    expect([inbox.isIdle, memory.heldBytes, owner.handledCount]).toEqual([true, 0, 2]);
  });

  test('nothing begins while the owner is blocked; a notification continues', () => {
    owner.isWilling = false;
    for (const text of ['a', 'b']) inbox.add(message(text));
    inbox.proceed();
    expect(owner.begun).toEqual([]);
    owner.isWilling = true;
    inbox.proceed();
    expect(owner.begun).toEqual(['a', 'b']);
    expect(memory.heldBytes).toBe(0);
  });

  test('a later message does not overtake waiting ones', () => {
    owner.isWilling = false;
    inbox.add(message('a'));
    owner.isWilling = true;
    inbox.add(message('b'));
    expect(owner.begun).toEqual([]);
    inbox.proceed();
    expect(owner.begun).toEqual(['a', 'b']);
  });

  test('messages beyond the memory are refused', () => {
    owner.isWilling = false;
    expect(() => {
      for (;;) inbox.add(message('x'.repeat(100)));
    }).toThrow(ProtocolError);
    expect(inbox.waiting).toBe(4);
    inbox.close();
    expect(memory.heldBytes).toBe(0);
  });

  test('a closed inbox frees the memory of waiting messages, and begins no more', async () => {
    for (const text of ['slow', 'a', 'b']) inbox.add(message(text));
    inbox.close();
    expect(memory.heldBytes).toBe(messageMemoryBytes(message('slow')));
    await owner.end();
    expect(memory.heldBytes).toBe(0);
    inbox.add(message('c'));
    expect(owner.begun).toEqual(['slow']);
  });
});
