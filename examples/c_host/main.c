/* Feeds a file of mono int16 PCM to one or more streams, each in its own thread, and writes their frames.
 *
 *   c_host PYTHON FOLDER MODULE ARGUMENT PCM FRAMES [THREADS]
 *
 * PYTHON: the python executable of the environment that lipsync-edge is installed in. FOLDER: where MODULE lies
 * (embed.py beside this file). ARGUMENT: what open_stream gets, a saved avatar for embed.py. FRAMES: raw BGR of
 * thread 0; the others must give the same bytes. Prints one JSON line of measurements. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum { CHUNK = 320, ROOM = 2, MOST_THREADS = 16, PROBES = 2000, SIGNALS = 32 }; /* 20 ms at 16 kHz */

typedef struct {
    const char *module, *argument;
    const int16_t *pcm;
    size_t samples;
    FILE *file;
    uint64_t hash;
    size_t frames;
    double busy_s, overhead_us;
    int failed;
} job;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void keep(job *self, const uint8_t *frames, int count, size_t bytes) {
    for (size_t i = 0; i < (size_t)count * bytes; i++) self->hash = (self->hash ^ frames[i]) * 1099511628211u; /* FNV-1a */
    if (self->file) fwrite(frames, bytes, (size_t)count, self->file);
    self->frames += (size_t)count;
}

/* Push or flush until nothing is left; count 0 flushes. */
static int drain(job *self, lipsync_stream *stream, const int16_t *pcm, size_t count, uint8_t *frames) {
    int is_flush = pcm == NULL, written;
    do {
        double began = now();
        written = is_flush ? lipsync_flush(stream, frames, ROOM) : lipsync_push(stream, pcm, count, frames, ROOM);
        self->busy_s += now() - began;
        if (written < 0) return 0;
        keep(self, frames, written, lipsync_frame_bytes(stream));
        count = 0; /* the sound was taken; what remains are frames */
    } while (written == ROOM);
    return 1;
}

static void *work(void *argument) {
    job *self = argument;
    lipsync_stream *stream = lipsync_open(self->module, self->argument);
    uint8_t *frames = stream ? malloc(ROOM * lipsync_frame_bytes(stream)) : NULL;
    self->failed = !frames;
    for (size_t i = 0; i < self->samples && !self->failed; i += CHUNK) {
        size_t count = self->samples - i < CHUNK ? self->samples - i : CHUNK;
        self->failed = !drain(self, stream, self->pcm + i, count, frames);
    }
    if (!self->failed) self->failed = !drain(self, stream, NULL, 0, frames);
    double began = now(); /* calls that make nothing: what crossing over costs */
    for (int i = 0; i < PROBES && !self->failed; i++) self->failed = lipsync_push(stream, NULL, 0, frames, 0) != 0;
    self->overhead_us = (now() - began) / PROBES * 1e6;
    if (self->failed) fprintf(stderr, "c_host: %s\n", lipsync_error());
    free(frames);
    lipsync_close(stream);
    return NULL;
}

static int16_t *read_pcm(const char *path, size_t *samples) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
    long bytes = ftell(file);
    rewind(file);
    int16_t *pcm = malloc((size_t)bytes + sizeof *pcm);
    *samples = pcm ? fread(pcm, sizeof *pcm, (size_t)bytes / sizeof *pcm, file) : 0;
    fclose(file);
    return pcm;
}

static void on_interrupt(int number) { /* the host's own way with Ctrl-C */
    (void)number;
    _exit(130);
}

/* Whether no signal is handled otherwise than before Python was started. */
static int same_handlers(const struct sigaction *before) {
    struct sigaction action;
    for (int i = 1; i < SIGNALS; i++)
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler != before[i].sa_handler) return 0;
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr, "usage: c_host PYTHON FOLDER MODULE ARGUMENT PCM FRAMES [THREADS]\n");
        return 2;
    }
    int threads = argc > 7 ? atoi(argv[7]) : 1;
    size_t samples = 0;
    int16_t *pcm = read_pcm(argv[5], &samples);
    FILE *out = fopen(argv[6], "wb");
    if (!pcm || !out || threads < 1 || threads > MOST_THREADS) {
        fprintf(stderr, "c_host: expected readable PCM, a writable file and 1 to %d threads\n", MOST_THREADS);
        return 2;
    }
    struct sigaction before[SIGNALS];
    signal(SIGINT, on_interrupt);
    for (int i = 1; i < SIGNALS; i++) sigaction(i, NULL, &before[i]);
    if (lipsync_start(argv[1], argv[2]) != 0) {
        fprintf(stderr, "c_host: %s\n", lipsync_error());
        return 1;
    }
    job jobs[MOST_THREADS];
    pthread_t ids[MOST_THREADS];
    double began = now();
    for (int i = 0; i < threads; i++) {
        jobs[i] = (job){.module = argv[3], .argument = argv[4], .pcm = pcm, .samples = samples, .file = i ? NULL : out,
                        .hash = 14695981039346656037u};
        pthread_create(&ids[i], NULL, work, &jobs[i]);
    }
    int failed = 0, same = 1;
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        failed |= jobs[i].failed;
        same &= jobs[i].hash == jobs[0].hash;
    }
    double took = now() - began;
    fclose(out);
    free(pcm);
    int untouched = same_handlers(before);
    int unloaded = lipsync_stop() == 0;
    untouched &= same_handlers(before);
    printf("{\"threads\": %d, \"frames\": %zu, \"same\": %s, \"signals_untouched\": %s, \"unloaded\": %s, "
           "\"seconds\": %.4f, \"busy_s\": %.4f, \"overhead_us\": %.2f}\n",
           threads, jobs[0].frames, same ? "true" : "false", untouched ? "true" : "false",
           unloaded ? "true" : "false", took, jobs[0].busy_s, jobs[0].overhead_us);
    return failed || !unloaded;
}
