import { defineConfig, type Plugin } from 'vite';

/**
 * @oceanbase/design brings commercial fonts, a fallback to somebody's CDN, and a player that needs `eval`: none of them
 * is shipped. Texts use the fonts of the reader's own machine.
 */
function withoutForeignParts(): Plugin {
  return {
    name: 'without-foreign-parts',
    enforce: 'pre',
    resolveId(id) {
      if (id.endsWith('.woff2') || id === 'lottie-web') return '\0nothing';
      return null;
    },
    load(id) {
      return id === '\0nothing' ? 'export default { loadAnimation: () => ({ destroy() {} }) }' : null;
    },
    transform(code, id) {
      if (!id.includes('@oceanbase/design/es/style/global')) return null;
      return { code: code.replace(/'@font-face': \{/g, "'@media not all': {").replace(/https:\/\/mdn[^']*/g, ''), map: null };
    },
  };
}

export default defineConfig({
  base: '/console/',
  plugins: [withoutForeignParts()],
  build: {
    outDir: '../src/ferryman/api/console',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses.md' },
    rollupOptions: {
      onLog(level, log, pass) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') pass(level, log);
      },
      output: {
        manualChunks(id) {
          if (id.includes('node_modules/echarts') || id.includes('node_modules/zrender')) return 'charts';
          if (id.includes('node_modules')) return 'design';
          return null;
        },
      },
    },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8089', '/openapi.json': 'http://127.0.0.1:8089' } },
});
