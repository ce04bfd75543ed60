/* The same calls for a host that is itself a Python extension module: speak(module, argument, pcm, repeat) feeds a
 * stream from memory of its own and returns all frames, which it collected in memory of its own, as bytes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { CHUNK = 320, ROOM = 2 };

typedef struct {
    uint8_t *bytes;
    size_t used, size;
} pile;

static int add(pile *self, const uint8_t *frames, size_t bytes) {
    if (self->used + bytes > self->size) {
        size_t size = 2 * (self->used + bytes);
        uint8_t *grown = realloc(self->bytes, size);
        if (!grown) return 0;
        self->bytes = grown;
        self->size = size;
    }
    memcpy(self->bytes + self->used, frames, bytes);
    self->used += bytes;
    return 1;
}

/* Runs without the GIL, as a host's own thread would. */
static int run(const char *module, const char *argument, const int16_t *pcm, size_t samples, pile *out) {
    lipsync_stream *stream = lipsync_open(module, argument);
    if (!stream) return 0;
    size_t bytes = lipsync_frame_bytes(stream), at = 0;
    uint8_t *frames = malloc(ROOM * bytes);
    int written = frames ? ROOM : LIPSYNC_ERROR;
    while (written >= 0 && (at < samples || written == ROOM)) {
        size_t count = samples - at < CHUNK ? samples - at : CHUNK;
        written = lipsync_push(stream, pcm + at, count, frames, ROOM);
        at += count;
        if (written > 0 && !add(out, frames, (size_t)written * bytes)) written = LIPSYNC_ERROR;
    }
    while (written >= 0 && (written = lipsync_flush(stream, frames, ROOM)) > 0)
        if (!add(out, frames, (size_t)written * bytes)) written = LIPSYNC_ERROR;
    free(frames);
    lipsync_close(stream);
    return written >= 0;
}

static PyObject *speak(PyObject *module, PyObject *args) {
    (void)module;
    const char *name, *argument;
    Py_buffer pcm;
    if (!PyArg_ParseTuple(args, "ssy*", &name, &argument, &pcm)) return NULL;
    pile out = {0};
    int ok;
    Py_BEGIN_ALLOW_THREADS
    ok = run(name, argument, pcm.buf, (size_t)pcm.len / sizeof(int16_t), &out);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&pcm);
    PyObject *frames = ok ? PyBytes_FromStringAndSize((const char *)out.bytes, (Py_ssize_t)out.used) : NULL;
    free(out.bytes);
    if (!ok) PyErr_SetString(PyExc_RuntimeError, lipsync_error());
    return frames;
}

static PyMethodDef methods[] = {
    {"speak", speak, METH_VARARGS, "speak(module, argument, pcm) -> bytes of all frames"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "lipsync_host", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_lipsync_host(void) { return PyModule_Create(&definition); }
