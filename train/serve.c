/* serve.c -- the page that follows a run: an HTTP server of five paths, at 127.0.0.1 only.
 *
 * Anybody on the machine can send it anything. So the size and time of requests and the
 * number of clients are bounded, no path is the name of a file, and requests are answered
 * only where their Host is the server's own, so that a page of another site cannot reach it
 * by a name that resolves to this address. */
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { CLIENTS = 24, REQUEST = 8192, EVENTS = 256, MOST_FILE = 4 << 20 };
#define PATIENT 5.0 /* seconds for a request */
#define ALIVE 10.0  /* between two words to a page that is told of steps */

typedef struct {
    int fd; /* -1: free */
    char in[REQUEST];
    size_t got, at, len;
    char *out;
    bool told, ends; /* told of steps; closed when all is out */
    bool silent;     /* it says nothing more, and may listen still */
    uint64_t seen;   /* the next event that it gets */
    double since;
} ServeClient;

struct TrainServe {
    pthread_t thread;
    pthread_mutex_t lock;
    int listens, wake[2];
    unsigned port;
    char *folder, *about;
    char *event[EVENTS]; /* event k at k % EVENTS */
    uint64_t events;
    _Atomic bool closing;
    ServeClient client[CLIENTS];
};

static double serve_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Without memory for it the client is let go. */
static void serve_add(ServeClient *c, const void *p, size_t n)
{
    char *more = mem_resize(c->out, c->len + n + 1);
    if (!more) {
        c->ends = true;
        return;
    }
    memcpy(more + c->len, p, n);
    c->out = more;
    c->len += n;
}

static void serve_answer(ServeClient *c, const char *status, const char *type,
                         const void *body, size_t n, bool whole)
{
    char head[640];
    const int len = snprintf(
        head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
        "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'\r\n"
        "%sConnection: close\r\n\r\n",
        status, type, n, !strncmp(status, "405", 3) ? "Allow: GET, HEAD\r\n" : "");
    serve_add(c, head, (size_t)len);
    if (whole) serve_add(c, body, n);
    c->ends = true;
}

static void serve_refuse(ServeClient *c, const char *status)
{
    serve_answer(c, status, "text/plain", status, strlen(status), true);
}

static void serve_follow(ServeClient *c)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n: hello\n\n";
    serve_add(c, head, sizeof head - 1);
    c->told = true;
}

/* A file of the run's folder, its end where it is large: from the beginning of a line on. */
static void serve_file(const TrainServe *s, ServeClient *c, const char *name,
                       const char *type, bool whole)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const off_t size = fd >= 0 && !fstat(fd, &st) ? st.st_size : 0;
    const off_t from = size > MOST_FILE ? size - MOST_FILE : 0;
    char *text = mem_alloc((size_t)(size - from) + 1), *at = text;
    ssize_t n = text && fd >= 0 ? pread(fd, text, (size_t)(size - from), from) : 0;
    if (fd >= 0) close(fd);
    if (n < 0) n = 0;
    const char *line = from && n ? memchr(text, '\n', (size_t)n) : NULL;
    if (line) at = text + (line + 1 - text), n -= line + 1 - text;
    serve_answer(c, "200 OK", type, at, (size_t)n, whole);
    mem_free(text);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Whether the request's Host is this server. */
static bool serve_is_named(const TrainServe *s, const char *in)
{
    char own[2][32];
    snprintf(own[0], sizeof own[0], "127.0.0.1:%u", s->port);
    snprintf(own[1], sizeof own[1], "localhost:%u", s->port);
    for (const char *at = in; (at = strchr(at, '\n')); at++) {
        if (strncasecmp(at + 1, "host:", 5) != 0) continue;
        const char *name = at + 6 + strspn(at + 6, " \t");
        const size_t n = strcspn(name, " \t\r\n");
        for (size_t i = 0; i < COUNT(own); i++)
            if (n == strlen(own[i]) && !strncasecmp(name, own[i], n)) return true;
        return false;
    }
    return false;
}

/* A whole request lies in c->in, with a NUL behind it. */
static void serve_request(const TrainServe *s, ServeClient *c)
{
    const char *in = c->in;
    const bool head = !strncmp(in, "HEAD ", 5), get = !strncmp(in, "GET ", 4);
    const char *path = strchr(in, ' '), *end = strstr(in, "\r\n");
    const size_t n = path ? strcspn(path + 1, " ?\r\n") : 0;
    const char *version = path ? strchr(path + 1, ' ') : NULL;
    if (strlen(in) < c->got || !version || version > end
        || (strncmp(version, " HTTP/1.1\r", 10) != 0
            && strncmp(version, " HTTP/1.0\r", 10) != 0)) {
        serve_refuse(c, "400 Bad Request");
        return;
    }
    if (!head && !get) {
        serve_refuse(c, "405 Method Not Allowed");
        return;
    }
    if (!serve_is_named(s, in)) {
        serve_refuse(c, "403 Forbidden");
        return;
    }
#define IS(text) (n == sizeof text - 1 && !memcmp(path + 1, text, n))
    if (IS("/")) serve_answer(c, "200 OK", "text/html", live_text, live_size, get);
    else if (IS("/run.json"))
        serve_answer(c, "200 OK", "application/json", s->about, strlen(s->about), get);
    else if (IS("/log.csv")) serve_file(s, c, "log.csv", "text/csv", get);
    else if (IS("/samples.txt")) serve_file(s, c, "samples.txt", "text/plain", get);
    else if (IS("/events") && get) serve_follow(c);
    else serve_refuse(c, "404 Not Found");
#undef IS
}

static void serve_read(TrainServe *s, ServeClient *c)
{
    char rest[256];
    const bool done = c->ends || c->told; /* what else it says is not heard */
    const ssize_t n = done ? recv(c->fd, rest, sizeof rest, 0)
                           : recv(c->fd, c->in + c->got, sizeof c->in - 1 - c->got, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    c->silent = n == 0 && c->ends;
    if (c->silent) return;
    if (n <= 0) {
        c->ends = true;
        c->at = c->len;
        return;
    }
    if (done) return;
    c->got += (size_t)n;
    c->in[c->got] = 0;
    const char *end = strstr(c->in, "\r\n\r\n");
    if (end || strlen(c->in) < c->got) {
        if (end && end[4])
            c->in[c->got = (size_t)(end + 4 - c->in)] = 0; /* one request alone */
        serve_request(s, c);
    } else if (c->got == sizeof c->in - 1)
        serve_refuse(c, "431 Request Header Fields Too Large");
}

/* ---- clients ----------------------------------------------------------------------------- */

static void serve_forget(ServeClient *c)
{
    close(c->fd);
    mem_free(c->out);
    c->fd = -1;
    c->out = NULL;
}

static void serve_accept(TrainServe *s)
{
    const int fd = accept(s->listens, NULL, NULL);
    if (fd < 0) return;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    for (int i = 0; i < CLIENTS; i++) {
        ServeClient *c = &s->client[i];
        if (c->fd >= 0) continue;
        *c = (ServeClient){ .fd = fd, .since = serve_now() };
        pthread_mutex_lock(&s->lock);
        c->seen = s->events;
        pthread_mutex_unlock(&s->lock);
        return;
    }
    close(fd);
}

/* What was told since. Who has fallen behind by more than is kept goes on with what is. */
static void serve_events(TrainServe *s, ServeClient *c)
{
    pthread_mutex_lock(&s->lock);
    if (s->events - c->seen > EVENTS) c->seen = s->events - EVENTS;
    for (; c->seen < s->events && c->len - c->at < MOST_FILE; c->seen++) {
        const char *text = s->event[c->seen % EVENTS];
        serve_add(c, text, strlen(text));
        c->since = serve_now();
    }
    pthread_mutex_unlock(&s->lock);
    if (serve_now() - c->since < ALIVE) return;
    serve_add(c, ":\n\n", 3); /* whether it is there still */
    c->since = serve_now();
}

static void serve_write(ServeClient *c)
{
    const ssize_t n = send(c->fd, c->out + c->at, c->len - c->at, MSG_NOSIGNAL);
    if (n > 0) c->at += (size_t)n;
    else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->ends = true;
        c->at = c->len;
    }
    if (c->at < c->len) return;
    mem_free(c->out);
    c->out = NULL;
    c->at = c->len = 0;
}

/* ---- the thread -------------------------------------------------------------------------- */

static void serve_turn(TrainServe *s, int most)
{
    struct pollfd at[CLIENTS + 2];
    char rest[64];
    at[0] = (struct pollfd){ .fd = s->listens, .events = POLLIN };
    at[1] = (struct pollfd){ .fd = s->wake[0], .events = POLLIN };
    for (int i = 0; i < CLIENTS; i++) {
        const ServeClient *c = &s->client[i];
        const int out = c->at < c->len ? POLLOUT : 0, in = c->silent ? 0 : POLLIN;
        at[i + 2] = (struct pollfd){ .fd = c->fd, .events = (short)(in | out) };
    }
    if (poll(at, COUNT(at), most) < 0) return;
    if (at[1].revents) (void)!read(s->wake[0], rest, sizeof rest);
    for (int i = 0; i < CLIENTS; i++) {
        ServeClient *c = &s->client[i];
        if (c->fd < 0) continue;
        if (at[i + 2].revents & (POLLIN | POLLERR | POLLHUP)) serve_read(s, c);
        if (c->told && !c->ends) serve_events(s, c);
        if (c->at < c->len) serve_write(c);
        const bool late = !c->told && serve_now() - c->since > PATIENT;
        if (late || (c->ends && c->at == c->len)) serve_forget(c);
    }
    if (at[0].revents & POLLIN) serve_accept(s);
}

static bool serve_is_behind(const TrainServe *s)
{
    for (int i = 0; i < CLIENTS; i++) {
        const ServeClient *c = &s->client[i];
        if (c->fd >= 0 && (c->at < c->len || (c->told && c->seen < s->events)))
            return true;
    }
    return false;
}

static void *serve_thread(void *ctx)
{
    TrainServe *s = ctx;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* they are the run's */
    while (!s->closing) serve_turn(s, 1000);
    const double end = serve_now() + 1;
    do serve_turn(s, 20);
    while (serve_is_behind(s) && serve_now() < end);
    for (int i = 0; i < CLIENTS; i++)
        if (s->client[i].fd >= 0) serve_forget(&s->client[i]);
    return NULL;
}

/* ---- for the run ------------------------------------------------------------------------- */

static bool serve_listen(TrainServe *s, unsigned port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof a;
    const int on = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listens = socket(AF_INET, SOCK_STREAM, 0);
    if (s->listens < 0) return false;
    fcntl(s->listens, F_SETFD, FD_CLOEXEC);
    fcntl(s->listens, F_SETFL, O_NONBLOCK);
    setsockopt(s->listens, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listens, (const struct sockaddr *)&a, sizeof a) || listen(s->listens, 16)
        || getsockname(s->listens, (struct sockaddr *)&a, &len))
        return false;
    s->port = ntohs(a.sin_port);
    return true;
}

static void serve_free(TrainServe *s)
{
    if (s->listens >= 0) close(s->listens);
    for (int i = 0; i < 2; i++)
        if (s->wake[i] >= 0) close(s->wake[i]);
    for (int i = 0; i < EVENTS; i++) mem_free(s->event[i]);
    mem_free(s->folder);
    mem_free(s->about);
    mem_free(s);
}

bool serve_open(TrainServe **out, Diag *d, unsigned port, const char *folder,
                const char *about)
{
    TrainServe *s = mem_zero(1, sizeof *s);
    if (!s) mem_out(sizeof *s);
    s->listens = s->wake[0] = s->wake[1] = -1;
    for (int i = 0; i < CLIENTS; i++) s->client[i].fd = -1;
    s->folder = mem_strdup(folder);
    s->about = mem_strdup(about);
    pthread_mutex_init(&s->lock, NULL);
    bool ok = serve_listen(s, port) && !pipe(s->wake);
    for (int i = 0; ok && i < 2; i++) {
        fcntl(s->wake[i], F_SETFL, O_NONBLOCK);
        fcntl(s->wake[i], F_SETFD, FD_CLOEXEC);
    }
    ok = ok && !pthread_create(&s->thread, NULL, serve_thread, s);
    if (!ok) {
        diag_fail(d, "--serve: cannot listen at 127.0.0.1:%u: %s", port, strerror(errno));
        serve_free(s);
        return false;
    }
    *out = s;
    return true;
}

unsigned serve_port(const TrainServe *s) { return s->port; }

void serve_tell(TrainServe *s, const char *name, const char *line)
{
    Buf b = { 0 };
    if (!s) return;
    buf_printf(&b, "event: %s\n", name);
    for (const char *at = line; *at;) { /* a line of data each */
        const size_t n = strcspn(at, "\r\n");
        buf_puts(&b, "data: ");
        buf_add(&b, at, n);
        buf_puts(&b, "\n");
        at += n + (at[n] != 0);
    }
    if (!*line) buf_puts(&b, "data:\n");
    buf_puts(&b, "\n");
    char *text = mem_strdup(b.s);
    buf_free(&b);
    pthread_mutex_lock(&s->lock);
    char **to = &s->event[s->events % EVENTS];
    mem_free(*to);
    *to = text;
    s->events++;
    pthread_mutex_unlock(&s->lock);
    (void)!write(s->wake[1], "", 1);
}

void serve_close(TrainServe *s)
{
    if (!s) return;
    s->closing = true;
    (void)!write(s->wake[1], "", 1);
    pthread_join(s->thread, NULL);
    serve_free(s);
}
