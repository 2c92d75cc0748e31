// Verifies one bundle with @sigstore/verify. A JSON request comes on stdin:
// {root, bundle, artifact (base64), san?, issuer?, key? (base64 SPKI),
//  tlogs, stamps, scts}; exit 0 only when the bundle is accepted.
'use strict';
// Whatever else goes wrong is no verdict.
process.on('uncaughtException', (error) => {
  console.error(error.stack);
  process.exit(3);
});
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const request = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const escaped = (text) => `^${text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`;
const keys = () => ({
  publicKey: require('crypto').createPublicKey({
    key: Buffer.from(request.key, 'base64'), format: 'der', type: 'spki',
  }),
  validFor: () => true,
});
try {
  const material = toTrustMaterial(
    TrustedRoot.fromJSON(request.root),
    request.key ? keys : undefined,
  );
  const verifier = new Verifier(material, {
    tlogThreshold: request.tlogs,
    timestampThreshold: request.stamps,
    ctlogThreshold: request.scts,
  });
  const policy = request.san && {
    subjectAlternativeName: escaped(request.san),
    extensions: { issuer: request.issuer },
  };
  const entity = toSignedEntity(
    bundleFromJSON(request.bundle),
    Buffer.from(request.artifact, 'base64'),
  );
  verifier.verify(entity, policy || undefined);
} catch (error) {
  console.error(`${error.code || error.name}: ${error.message}`);
  process.exit(1);
}
