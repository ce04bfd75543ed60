/* A lip-sync stream for C hosts: PCM in, frames into the host's own memory. Link with Python 3.10 or later.
 *
 * The program embeds CPython (host.c) or runs inside it (extension.c); both use this. Every function may be called
 * from any thread: it takes the GIL for its own time and gives it back. While a network runs, ONNX Runtime and
 * OpenVINO give the GIL to other threads. Several streams may run side by side.
 *
 * Copies: the sound is not copied on its way to Python (a memoryview over the caller's samples); a frame is copied
 * once, from the array that the engine made into the caller's buffer.
 */
#ifndef LIPSYNC_HOST_H
#define LIPSYNC_HOST_H

#include <stddef.h>
#include <stdint.h>

typedef struct lipsync_stream lipsync_stream;

enum { LIPSYNC_ERROR = -1 };

/* Start Python without its signal handlers, with `program` deciding which installation or virtual environment is
 * used (its python executable), and give up the GIL. 0, or LIPSYNC_ERROR with a message on stderr. Not needed inside Python. */
int lipsync_start(const char *python_executable, const char *module_folder);

/* End Python; every stream must be closed. 0, or LIPSYNC_ERROR. */
int lipsync_stop(void);

/* Call MODULE's function open_stream(ARGUMENT), which returns a lipsync_edge Stream. NULL on an error. */
lipsync_stream *lipsync_open(const char *module, const char *argument);
void lipsync_close(lipsync_stream *stream);

/* Bytes of one frame (height * width * 3, BGR), and its sides. */
size_t lipsync_frame_bytes(const lipsync_stream *stream);
void lipsync_size(const lipsync_stream *stream, int *width, int *height);

/* Give `count` samples and write at most `room` finished frames, one after another, into `frames`. Returns how many,
 * or LIPSYNC_ERROR. When it returned `room`, more may be ready: call again with count 0. */
int lipsync_push(lipsync_stream *stream, const int16_t *samples, size_t count, uint8_t *frames, size_t room);
/* End the utterance; write its remaining frames likewise. Call again until it returns less than `room`. */
int lipsync_flush(lipsync_stream *stream, uint8_t *frames, size_t room);
/* Write `room` frames without sound. */
int lipsync_idle(lipsync_stream *stream, uint8_t *frames, size_t room);
/* Drop the utterance at once; may be called while another thread is inside lipsync_push. 0 or LIPSYNC_ERROR. */
int lipsync_interrupt(lipsync_stream *stream);

/* The last error of this thread, one line; "" when there was none. */
const char *lipsync_error(void);

#endif
