/** docs/reliability.md: what was found when memory that grows was looked for, one kind of work at a time. Measured by hand, so that a run of the soak says nothing else. */
export const MEMORY_OVER_TIME = `## Memory over time

Looked for on 2026-11-24: one \`berth serve\` (and one with two workers), in the image's environment, does one kind of work some thousand times. Eight times on the way it rests, collects its garbage by
force, and says what it holds: heap, ArrayBuffers, handles. What grew was looked up in heap snapshots.

| kind of work | times | heap, MiB: third look → last | what the rest is |
| --- | --- | --- | --- |
| blobs nobody has, through a full cache | 4,800 | 27.3 → 28.4 | decisions, see below |
| the same blob again | 24,000 | 23.8 → 21.5 | |
| ranges, also several, of kept and of new blobs | 8,000 | 24.9 → 23.7 | |
| clients that leave in a blob that is fetched, is kept, is streamed | 2,100, 8,000, 4,000 | 23.5 → 23.8, 23.7 → 21.4, 23.4 → 21.3 | |
| storage that cuts every body, with and without a cache | 2,400 each | 26.3 → 25.8, 24.6 → 24.1 | |
| new credentials and a new token for each pull | 6,400 | 29.1 → 29.6 (decisions kept for 3 s) | |
| manifests by tag and digest, each of a repository of its own | 3,000 | 24.2 → 26.0 | manifests, decisions |
| 404; refused tickets; requests that are none | 8,000, 8,000, 16,000 | 27.2 → 28.3, 22.1 → 22.2, 21.1 → 21.3 | decisions (404) |
| pushes: upload, part, end, manifest | 4,000 | 23.3 → 21.5 | |
| a home region that fails, comes back, fails in its storage | 2,000 | 31.9 → 28.2 | |
| connections, one for each request; the same by TLS, half of them resumed | 12,000, 3,600 | 22.3 → 22.5, 22.4 → 22.5 | |
| reloads: other rules, another upstream, other certificates | 360, 240, 200 | 24.2 → 23.5, 24.4 → 25.0, 22.1 → 22.4 | compiled code |
| with Redis: new blobs and tokens | 4,000 | 31.4 → 28.3 | |
| shared store (Azurite): new blobs; blobs that it has; the same while it cuts, stalls and refuses; while Redis does | 3,200, 1,920, 1,920, 2,400 | 39.3 → 36.0, 35.9 → 34.4, 34.5 → 34.7, 36.8 → 34.8 | |
| shared store (S3): blobs that it has | 1,920 | 29.8 → 30.1 | |
| two workers, each: new blobs and tokens; kept blobs | 4,800, 12,000 | 26.3 → 23.0 and 25.1 → 26.5, 19.7 → 20.1 and 19.1 → 19.8 | decisions |
| 200 readers at 256 KiB/s of one blob of 512 MiB: with a cache, without | 3 and 2 minutes | 32.1 → 32.4, 27.2 → 27.3 | resident 140 → 141, 154 → 157 |

Handles are the same at every look. The step from the first look to the third, some MiB, is code that V8 compiles.

What was found, and is mended:

- **Small manifests kept 64 KiB each.** Node cuts small buffers out of shared ones; a manifest in memory kept its whole one, which nobody counted. 2,000 manifests of 400 bytes at two regions held 32 MiB of
  ArrayBuffers, 4,000 held 58, where \`cache.memoryMaxBytes\` was 4 MiB; 2,000 hold 2 now.
- **Blobs of the shared store were remembered until there were 5,000**, some 6 KiB each, though nobody was at them any more: a heap of 57 MiB after 3,200, now 36.
- **Decisions stayed when their time was over**, until 20,000 others had come, of blobs and of manifests: some 1 KiB each: clients with a new token for each pull could fill 40 MiB.

What grows on, to a limit, and is meant to: decisions within \`authorizationTtlSeconds\` (with \`staleIfErrorSeconds\` also what stands in, 20,000 each), manifests (\`cache.memoryMaxBytes\`), prepared requests (16 MiB), lengths of
blobs (50,000, some 100 bytes each), upstream tokens (2,000), addresses with a rate (50,000), client networks of the migration report (10,000), the catalog of the cache (an entry per blob on disk). Every other map and set of the
source was read, and is emptied by what it counts: requests, connections, transfers, fills, workers. What has no limit is kept by the name of a registry (its fills, what was said of its data endpoints, its series): it grows only where every
reload brings names that were never there before.

Resident memory says little of this. In an hour of the soak one replica was sampled every 20 s for 32 minutes: its heap held 46 MiB and more after a collection, its old generation 30, from the first five minutes to the last; its
resident memory went to and fro between 247 and 317 MiB with what V8 had reserved (57 to 121 MiB, correlation 0.94; at the replica without a cache 0.999), and fell by 55 MiB within 20 s when V8 gave its nursery back. The rise of
40 MiB that an hour had found before is most likely of that kind: nobody had sampled its heap. In the hour that was sampled the same line fell by 37 MiB. The soak ran without the image's environment (\`--max-semi-space-size\`, \`MALLOC_ARENA_MAX\`, \`MALLOC_MMAP_THRESHOLD_\`), which is there to keep the nursery and glibc's heap small (101 to
113 MiB of it at that replica); from now on it runs with it. The same holds of the trend of 200 slow readers in [performance](performance.md#memory-under-200-slow-readers): with garbage collected at every look it is none.

Not looked at: days; outbound proxies; cloud identities; tracing; the console; TLS to the upstream by itself, which is in the soak.
`;
