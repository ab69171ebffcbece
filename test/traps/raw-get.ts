import http from 'node:http';

/** GET with the path sent byte for byte: URL parsers would resolve dot segments first. */
export async function rawGet(
  origin: string,
  path: string,
  { method = 'GET' }: { method?: string } = {},
): Promise<{ status: number; content: string }> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, agent: false }, (answer) => {
      answer.setEncoding('utf8');
      let content = '';
      answer.on('data', (text: string) => {
        content += text;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, content }));
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
