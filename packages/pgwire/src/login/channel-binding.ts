import { createHash, getHashes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/**
 * What `tls-server-end-point` binds to (RFC 5929, 4.1): the hash of the server's certificate, by the hash of its
 * signature, but at least SHA-256. `undefined` without encryption, and for signatures whose hash the certificate's
 * algorithm does not name (RSA-PSS, Ed25519): the RFC leaves those open, so channel binding is not offered.
 */
export function endPointHash(tls: TLSSocket | undefined): Buffer | undefined {
  const certificate = tls?.getX509Certificate();
  if (certificate === undefined) return undefined;
  const hash = hashOfSignature(certificate.signatureAlgorithm);
  return hash === undefined ? undefined : createHash(hash).update(certificate.raw).digest();
}

/** Of names such as `sha384WithRSAEncryption` and `ecdsa-with-SHA512`. */
export function hashOfSignature(algorithm: string | undefined): string | undefined {
  const name = /(md5|sha\d+)/i.exec(algorithm ?? '')?.[1]?.toLowerCase();
  if (name === undefined) return undefined;
  if (name === 'md5' || name === 'sha1') return 'sha256';
  return getHashes().includes(name) ? name : undefined;
}
