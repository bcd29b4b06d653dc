import { ProtocolError } from '#protocol';

const UTF8_CHARSETS = ['utf-8', 'utf8', 'us-ascii'];

/**
 * Refuses a Content-Type with a charset other than UTF-8, which RFC 8259, section 8.1, requires for
 * JSON between systems.
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE
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
