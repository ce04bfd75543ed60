import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    fileParallelism: false,
    projects: [
      { test: { name: 'node', environment: 'node', include: ['tests/*.test.ts'], testTimeout: 120_000, hookTimeout: 60_000 } },
      {
        test: {
          name: 'browser', environment: 'node', include: ['tests/browser/*.test.ts'],
          testTimeout: 180_000, hookTimeout: 120_000,
        },
      },
    ],
  },
})
