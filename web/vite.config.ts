import { defaultClientConditions, defineConfig } from 'vite'

/** With these a page may use threads; a host that cannot send them gets one thread. */
const isolated = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineConfig({
  base: './',
  // the runtime's WebAssembly lies packed in public/ort, not once more among the assets
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
  server: { host: '127.0.0.1', headers: isolated },
  preview: { host: '127.0.0.1', headers: isolated },
  worker: { format: 'es' },
  build: { target: 'es2022', assetsInlineLimit: 0 },
})
