import type { Instruments } from './instruments.ts';

/** Ranges that are asked for, and the buffers that bytes go through. */
export function transferMetrics(make: Instruments) {
  return {
    rangeRequests: make.counter(
      'berth_range_requests_total',
      'Blob requests with a Range field, by form, and where their bytes came from.',
      {
        type: ['int', 'open', 'suffix', 'multiple', 'unsatisfiable', 'ignored'],
        source: ['cache', 'fill', 'upstream', 'none'],
      },
    ),
    bufferPoolBytes: make.gauge('berth_buffer_pool_bytes', 'Transfer buffers.', {
      state: ['in_use', 'free'],
    }),
  };
}
