// Lists albums shared by link through an unmodified google-photos-album-image-url-fetch: sharedalbum.mjs LINK...
// Prints a list of what it finds for each, null where it finds no album, or the status of a refusal.
import { fetchImageUrls } from 'google-photos-album-image-url-fetch';

const results = [];
for (const link of process.argv.slice(2)) {
  try {
    results.push(await fetchImageUrls(link));
  } catch (error) {
    if (error.response === undefined) throw error;
    results.push(error.response.status);
  }
}
process.stdout.write(JSON.stringify(results));
