// Tests beside real services: `npm run interop -- services`. Apart from the configuration in
// package.json, because npm test needs no service.
export default {
  extensions: ['ts'],
  files: ['test/interop/**/*.test.ts'],
  serial: true,
  timeout: '10m',
};
