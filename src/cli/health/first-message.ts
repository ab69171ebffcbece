/** `: message` of an OCI error document, readable on a terminal; empty where there is none. */
export function firstMessage(text: string): string {
  const message = /"message"\s*:\s*"((?:[^"\\]|\\.){1,300})"/.exec(text)?.[1] ?? '';
  // oxlint-disable-next-line no-control-regex -- they would write on the terminal as they please
  const readable = message.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ').replaceAll('\\"', '"');
  return readable === '' ? '' : `: ${readable}`;
}
