import { ProtocolError } from '#protocol';

const UTF8_CHARSETS = ['utf-8', 'utf8', 'us-ascii'];

/**
 * Refuses a text that is not UTF-8 (RFC 8259, section 8.1, requires it for JSON between systems).
 */
export function assertUtf8Charset(contentType: string): void {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=', 2).map((text) => text.trim());
    if (name !== 'charset') continue;
    const charset = value.replaceAll('"', '');
    if (UTF8_CHARSETS.includes(charset)) continue;
    throw new ProtocolError(
      'UNSUPPORTED_MEDIA_TYPE',
      `A body of ${type.trim()} is UTF-8; the Content-Type says charset ${JSON.stringify(charset)}.`,
    );
  }
}
