#!/usr/bin/env bash
# npm @aws-sdk/client-s3 with npm s3rver: a stream is stored together with the framing of its transfer, and both call it a success.
#
# Guess:  PutObject with a body that is a stream stores the same bytes as with a buffer, or fails.
# Is so:  the SDK sends a stream with its CRC-32 behind it (`Content-Encoding: aws-chunked`, since 2025 by default). A server that does not
#         know this form takes the lengths, the bytes and the checksum's line for the content. The SDK checks nothing when reading, as
#         the server stored no checksum.
# Ours:   `requestChecksumCalculation: 'WHEN_REQUIRED'` towards servers that only resemble S3 (tried below), and a store is
#         tried by writing and reading bytes, not by whether a write is accepted.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" @aws-sdk/client-s3@3.1175.0 s3rver@3.7.1

cat >"$work/try.mjs" <<'JS'
import { Readable } from 'node:stream';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import S3rver from 's3rver';

const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    directory: `${process.cwd()}/files`,
    silent: true,
    configureBuckets: [{ name: 'bucket' }],
});
const { port } = await server.run();

async function roundTrip(Body, options) {
    const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
    const endpoint = `http://127.0.0.1:${port}`;
    const client = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, ...options });
    const object = { Bucket: 'bucket', Key: 'hello' };
    const stored = await client.send(new PutObjectCommand({ ...object, Body, ContentLength: 5 }));
    const read = await client.send(new GetObjectCommand(object));
    return [stored.$metadata.httpStatusCode, await read.Body.transformToString()];
}

const hello = Buffer.from('hello');
const seen = [
    await roundTrip(hello),
    await roundTrip(Readable.from([hello])),
    await roundTrip(Readable.from([hello]), { requestChecksumCalculation: 'WHEN_REQUIRED' }),
];
console.log('@aws-sdk/client-s3 3.1175.0, s3rver 3.7.1; stored is "hello"');
['a buffer', 'a stream', 'a stream, WHEN_REQUIRED'].forEach((name, at) => {
    console.log(`${name}: status ${seen[at][0]}, and read back ${JSON.stringify(seen[at][1])}`);
});
const [buffer, stream, required] = seen.map(([status, text]) => (status === 200 ? text : status));
const asDescribed = buffer === 'hello' && stream.startsWith('5\r\nhello\r\n0\r\nx-amz-checksum-crc32:') && required === 'hello';
if (!asDescribed) console.error('this is not what was seen before');
process.exit(asDescribed ? 0 : 1);
JS
cd "$work"
node --no-warnings try.mjs
