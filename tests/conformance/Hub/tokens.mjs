// Tokens and keys, made by Node's own cryptography.
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';

export const secret = 'a secret of more than sixteen bytes';

const base64 = (value) => Buffer.from(value).toString('base64url');
const body = (header, claims) => `${base64(JSON.stringify(header))}.${base64(JSON.stringify(claims))}`;

export function hmacToken(claims, key = secret) {
  const signed = body({ alg: 'HS256', typ: 'JWT' }, claims);
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

export function makeKeys() {
  return {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519'),
  };
}

export function signedToken(algorithm, pair, claims, kid) {
  const signed = body({ alg: algorithm, typ: 'JWT', ...(kid ? { kid } : {}) }, claims);
  const key = algorithm === 'ES256' ? { key: pair.privateKey, dsaEncoding: 'ieee-p1363' } : pair.privateKey;
  const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(signed), key);
  return `${signed}.${signature.toString('base64url')}`;
}

export const seconds = (from) => Math.floor(Date.now() / 1000) + from;
