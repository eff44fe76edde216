// panva's oidc-provider on loopback, with its own pages for signing in and consent.
// Usage: node provider.mjs REDIRECT-URI CLIENT-ID CLIENT-SECRET; prints its issuer, and runs until its standard input ends.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirectUri, clientId, clientSecret] = process.argv.slice(2);
const server = createServer((request, response) => handle(request, response));
let handle;

server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true }),
    }),
    pkce: { required: () => true },
  });
  handle = provider.callback();
  console.log(issuer);
});
process.stdin.on("end", () => process.exit(0)).resume();
