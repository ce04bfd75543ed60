/* lipsync host calls over the buffer protocol; see host.h. */
#define _POSIX_C_SOURCE 200809L
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

struct lipsync_stream {
    PyObject *stream;
    size_t frame_bytes;
    int width, height;
};

static _Thread_local char last_error[512];
static PyThreadState *main_state;

const char *lipsync_error(void) { return last_error; }

/* Remember the Python exception as one line, and clear it. */
static void keep_error(void) {
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    const char *name = type ? ((PyTypeObject *)type)->tp_name : "error";
    const char *message = text ? PyUnicode_AsUTF8(text) : NULL;
    snprintf(last_error, sizeof last_error, "%s: %s", name, message ? message : "");
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
}

/* Python's `signal` module takes SIGINT when it is first imported (by whatever library), install_signal_handlers or
 * not: import it now and give SIGINT back. */
static int keep_sigint(void) {
    struct sigaction host;
    sigaction(SIGINT, NULL, &host);
    PyObject *module = PyImport_ImportModule("signal");
    sigaction(SIGINT, &host, NULL);
    Py_XDECREF(module);
    return module != NULL;
}

int lipsync_start(const char *python_executable, const char *module_folder) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0; /* the host's own stay */
    config.parse_argv = 0;
    PyStatus status = PyConfig_SetBytesString(&config, &config.executable, python_executable);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        snprintf(last_error, sizeof last_error, "%s", status.err_msg ? status.err_msg : "Python did not start");
        return LIPSYNC_ERROR;
    }
    PyObject *path = PySys_GetObject("path"); /* borrowed */
    PyObject *folder = PyUnicode_DecodeFSDefault(module_folder);
    int failed = !path || !folder || PyList_Insert(path, 0, folder) < 0 || !keep_sigint();
    Py_XDECREF(folder);
    if (failed) keep_error();
    main_state = PyEval_SaveThread(); /* give up the GIL: every call takes it for itself */
    return failed ? LIPSYNC_ERROR : 0;
}

int lipsync_stop(void) {
    struct sigaction host;
    sigaction(SIGINT, NULL, &host);
    PyEval_RestoreThread(main_state);
    int failed = Py_FinalizeEx() < 0;
    sigaction(SIGINT, &host, NULL); /* Python puts the default back for what its `signal` module once had */
    return failed ? LIPSYNC_ERROR : 0;
}

/* Read stream.frame_shape = (height, width, 3). */
static int read_shape(lipsync_stream *self) {
    PyObject *shape = PyObject_GetAttrString(self->stream, "frame_shape");
    int depth = 0;
    int ok = shape && PyArg_ParseTuple(shape, "iii", &self->height, &self->width, &depth);
    Py_XDECREF(shape);
    self->frame_bytes = (size_t)self->height * (size_t)self->width * 3;
    return ok;
}

lipsync_stream *lipsync_open(const char *module, const char *argument) {
    lipsync_stream *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *room = PyImport_ImportModule(module);
    if (room) self->stream = PyObject_CallMethod(room, "open_stream", "s", argument);
    Py_XDECREF(room);
    if (!self->stream || !read_shape(self)) {
        keep_error();
        Py_XDECREF(self->stream);
        free(self);
        self = NULL;
    }
    PyGILState_Release(gil);
    return self;
}

/* Call a method without arguments that gives nothing of interest. */
static int call(lipsync_stream *self, const char *name) {
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *answer = PyObject_CallMethod(self->stream, name, NULL);
    if (!answer) keep_error();
    int failed = !answer;
    Py_XDECREF(answer);
    PyGILState_Release(gil);
    return failed ? LIPSYNC_ERROR : 0;
}

void lipsync_close(lipsync_stream *self) {
    if (!self) return;
    call(self, "close");
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_DECREF(self->stream);
    PyGILState_Release(gil);
    free(self);
}

size_t lipsync_frame_bytes(const lipsync_stream *self) { return self->frame_bytes; }

void lipsync_size(const lipsync_stream *self, int *width, int *height) {
    *width = self->width;
    *height = self->height;
}

/* Call method(out), or method(pcm, out) when there are samples to pass; both are views of the caller's memory, which
 * are released before this returns, so that nothing in Python can reach that memory afterwards. */
static int fill(lipsync_stream *self, const char *method, const int16_t *samples, size_t count, int has_sound,
                uint8_t *frames, size_t room) {
    static char nothing; /* a view must not lie at NULL */
    PyGILState_STATE gil = PyGILState_Ensure();
    int written = LIPSYNC_ERROR;
    char *to = frames ? (char *)frames : &nothing;
    char *from = samples ? (char *)samples : &nothing;
    PyObject *out = PyMemoryView_FromMemory(to, (Py_ssize_t)(room * self->frame_bytes), PyBUF_WRITE);
    PyObject *pcm = has_sound ? PyMemoryView_FromMemory(from, (Py_ssize_t)(count * sizeof *samples), PyBUF_READ) : NULL;
    PyObject *answer = NULL;
    if (out && (pcm || !has_sound))
        answer = has_sound ? PyObject_CallMethod(self->stream, method, "OO", pcm, out)
                           : PyObject_CallMethod(self->stream, method, "O", out);
    if (answer) written = (int)PyLong_AsLong(answer);
    if (PyErr_Occurred()) {
        keep_error();
        written = LIPSYNC_ERROR;
    }
    Py_XDECREF(answer);
    Py_XDECREF(pcm);
    Py_XDECREF(out);
    PyGILState_Release(gil);
    return written;
}

int lipsync_push(lipsync_stream *self, const int16_t *samples, size_t count, uint8_t *frames, size_t room) {
    return fill(self, "push_into", samples, count, 1, frames, room);
}

int lipsync_flush(lipsync_stream *self, uint8_t *frames, size_t room) {
    return fill(self, "flush_into", NULL, 0, 0, frames, room);
}

int lipsync_idle(lipsync_stream *self, uint8_t *frames, size_t room) {
    return fill(self, "idle_into", NULL, 0, 0, frames, room);
}

int lipsync_interrupt(lipsync_stream *self) { return call(self, "interrupt"); }
