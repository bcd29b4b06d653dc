import { Controller, Header, Inject } from '@nestjs/common';
import { type Input, type Output, SECURITY_LIST_DEFAULT } from '#api';
import type { ApiKey, IssuedApiKey } from '#security';
import { SecurityAdministration } from '../shared/security-administration.js';
import { Serves } from './serves.js';

/** API keys: shown with their secret once, when they are created or rotated. */
@Controller()
export class ApiKeysController {
  readonly #administration: SecurityAdministration;

  constructor(@Inject(SecurityAdministration) administration: SecurityAdministration) {
    this.#administration = administration;
  }

  @Serves('createApiKey')
  @Header('Cache-Control', 'no-store')
  async createApiKey({ body }: Input<'createApiKey'>): Promise<Output<'createApiKey'>> {
    const { name, groups = [], expiresAt } = body;
    const request = { name, groups, expiresAtMs: expiresAt ?? null };
    return issued(await this.#administration.keys.create(request));
  }

  @Serves('listApiKeys')
  listApiKeys({ query }: Input<'listApiKeys'>): Output<'listApiKeys'> {
    const { after, limit = SECURITY_LIST_DEFAULT } = query;
    const { keys, nextAfter } = this.#administration.keys.list(after, limit);
    return { keys: keys.map(shown), nextAfter };
  }

  @Serves('rotateApiKey')
  @Header('Cache-Control', 'no-store')
  async rotateApiKey({ id, body }: Input<'rotateApiKey'>): Promise<Output<'rotateApiKey'>> {
    const overlapMs = (body?.overlapSeconds ?? 0) * 1000;
    return issued(await this.#administration.keys.rotate(id, overlapMs));
  }

  @Serves('deleteApiKey')
  deleteApiKey({ id }: Input<'deleteApiKey'>): Promise<Output<'deleteApiKey'>> {
    return this.#administration.keys.revoke(id);
  }
}

function issued({ key, text }: IssuedApiKey): Output<'createApiKey'> {
  return { ...shown(key), key: text };
}

function shown({ id, name, groups, createdAtMs, expiresAtMs }: ApiKey): {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
} {
  const names = groups.map((group) => group.slice('group:'.length));
  return { id, name, groups: names, createdAt: createdAtMs, expiresAt: expiresAtMs };
}
