// Calls a server through an unmodified @immich/sdk: immich.mjs PACKAGE URL KEY, the calls as JSON on standard input.
// Prints what each call returns.
import { text } from 'node:stream/consumers';

const [packageName, baseUrl, apiKey] = process.argv.slice(2);
const sdk = await import(packageName);
sdk.init({ baseUrl, apiKey });

const results = [];
for (const { name, options } of JSON.parse(await text(process.stdin))) {
  try {
    const value = options === undefined ? await sdk[name]() : await sdk[name](options);
    results.push(value instanceof Blob ? { bytes: value.size, type: value.type } : value);
  } catch (error) {
    throw new Error(`${name}: ${error.status ?? ''} ${error.message} ${JSON.stringify(error.data)}`);
  }
}
process.stdout.write(JSON.stringify(results));
