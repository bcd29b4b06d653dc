import { expect, test } from 'vitest';
import { openApiDocument } from '#api/documents';
import {
  type OperationsDocument,
  operationIds,
  operationsTable,
  operationsTypes,
} from '../../scripts/client-operations.js';

const GENERATED = '../../libs/client/src/admin/generated';

test('the methods of admin are those of the document (`npm run docs:reference`)', async () => {
  const document = openApiDocument('/') as unknown as OperationsDocument;
  await expect(operationsTable(document)).toMatchFileSnapshot(`${GENERATED}/operations.ts`);
  await expect(operationIds(document)).toMatchFileSnapshot(`${GENERATED}/operation-ids.ts`);
  await expect(await operationsTypes(document)).toMatchFileSnapshot(`${GENERATED}/openapi.ts`);
});
