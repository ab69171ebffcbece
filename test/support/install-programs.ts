import { installDebianPackages, REDIS_PACKAGE } from './debian-packages.ts';
import { installGoProgram } from './go-program.ts';
import { VERSITYGW } from './s3.ts';

// `npm run programs`: what `npm test` needs beside npm, a Redis and an S3 server.

const say = (text: string): void => console.log(text);
await installDebianPackages([REDIS_PACKAGE], say);
await installGoProgram(VERSITYGW, say);
