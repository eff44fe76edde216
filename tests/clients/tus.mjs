// Sends a file through an unmodified tus-js-client: tus.mjs URL TOKEN FILE ALBUM. The first request for the second
// block is broken off, as by a tunnel; a later run finds the upload by its fingerprint. Prints what happened.
import fs from 'node:fs';
import path from 'node:path';
import * as tus from 'tus-js-client';

const [endpoint, token, file, album, stopAfter] = process.argv.slice(2);
const requests = [];
const urlStorage = new tus.FileUrlStorage(`${file}.urls.json`);
const size = fs.statSync(file).size;

const result = await new Promise((resolve, reject) => {
  const upload = new tus.Upload(fs.createReadStream(file), {
    endpoint,
    urlStorage,
    storeFingerprintForResuming: true,
    removeFingerprintOnSuccess: true,
    fingerprint: async () => `${file}-${size}`,
    uploadSize: size,
    chunkSize: 1000,
    retryDelays: [0, 10],
    metadata: { filename: path.basename(file), album },
    headers: { Authorization: `Bearer ${token}` },
    onBeforeRequest: (request) => { requests.push(`${request.getMethod()} ${new URL(request.getURL()).pathname}`); },
    onProgress: async (sent) => {
      if (stopAfter && sent >= Number(stopAfter)) {
        await upload.abort();
        resolve({ stopped: true });
      }
    },
    onError: reject,
    onSuccess: () => resolve({ url: upload.url }),
  });
  upload.findPreviousUploads().then((previous) => {
    if (previous.length) upload.resumeFromPreviousUpload(previous[0]);
    upload.start();
  }, reject);
});
process.stdout.write(JSON.stringify({ ...result, requests }));
