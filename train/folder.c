/* folder.c -- the folder of a run: its lock, its checkpoints, log.csv. */
#include "train.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char head[] =
    "step,tokens,loss,lr,grad_norm,scale,skipped,ms,ms_data,ms_forward,"
    "ms_backward,ms_update,eval_loss,eval_metric\n";

/* ---- opening ----------------------------------------------------------------------------- */

/* What a process that was killed left there, between a file's name and its place. */
static void folder_sweep(TrainFolder *f)
{
    DIR *dir = dir_open(f->path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const bool temp = !strncmp(e->d_name, ".tmp-", 5);
        const long pid = temp ? strtol(e->d_name + 5, NULL, 10) : 0;
        if (pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH)
            unlink(arena_printf(&f->arena, "%s/%s", f->path, e->d_name));
    }
    if (dir) dir_close(dir);
}

bool folder_open(TrainFolder *f, Diag *d, const char *path)
{
    *f = (TrainFolder){ .diag = d, .lock = -1 };
    f->path = arena_strdup(&f->arena, path);
    if (!file_make_dirs(d, path)) return false;
    const char *name = arena_printf(&f->arena, "%s/lock", path);
    f->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (f->lock < 0) return diag_fail(d, "cannot open %s: %s", name, strerror(errno));
    if (!flock(f->lock, LOCK_EX | LOCK_NB)) {
        folder_sweep(f);
        return true;
    }
    return diag_fail(d, "another anetrain runs in %s: it holds %s", path, name);
}

void folder_close(TrainFolder *f)
{
    if (f->log) fclose(f->log);
    if (f->lock >= 0) close(f->lock); /* the lock goes with it */
    arena_free(&f->arena);
}

/* ---- log.csv ----------------------------------------------------------------------------- */

/* The lines of steps before `step`. */
static void keep_lines(const Mapped *old, uint64_t step, Buf *out)
{
    buf_puts(out, head);
    if (old->size == 0) return; /* an empty file has no address */
    const char *s = (const char *)old->data, *end = s + old->size;
    for (const char *next; s < end; s = next) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        if (!line) break; /* it was cut off while it was written */
        next = line + 1;
        if (*s >= '0' && *s <= '9' && strtoull(s, NULL, 10) < step)
            buf_add(out, s, (size_t)(next - s));
    }
}

bool folder_log(TrainFolder *f, uint64_t step)
{
    Mapped old = { 0 };
    Buf text = { 0 };
    const char *path = arena_printf(&f->arena, "%s/log.csv", f->path);
    if (step && file_exists(path) && !file_read(f->diag, path, &old)) return false;
    keep_lines(&old, step, &text);
    const bool ok = file_write_all(f->diag, path, text.s, text.len);
    buf_free(&text);
    file_unmap(&old);
    if (!ok) return false;
    f->log = fopen(path, "ae");
    return f->log || diag_fail(f->diag, "cannot open %s: %s", path, strerror(errno));
}

bool folder_config(TrainFolder *f, const char *text)
{
    const char *path = arena_printf(&f->arena, "%s/config.json", f->path);
    return file_write_all(f->diag, path, text, strlen(text));
}

bool folder_tokens(TrainFolder *f, const uint16_t *token, size_t n)
{
    OutFile o;
    const char *path = arena_printf(&f->arena, "%s/tokens.bin", f->path);
    bool ok = out_open(&o, f->diag, path);
    for (size_t i = 0; ok && i < n; i++) {
        const unsigned char two[] = { (unsigned char)(token[i] & 255),
                                      (unsigned char)(token[i] >> 8) };
        ok = out_write(&o, two, sizeof two);
    }
    if (ok) return out_commit(&o);
    out_abort(&o);
    return false;
}

bool folder_line(TrainFolder *f, const char *line)
{
    if (fputs(line, f->log) >= 0 && !fflush(f->log)) return true;
    return diag_fail(f->diag, "cannot write %s/log.csv: %s", f->path, strerror(errno));
}

/* ---- checkpoints ------------------------------------------------------------------------- */

const char *folder_checkpoint(TrainFolder *f, uint64_t step)
{
    return arena_printf(&f->arena, "%s/step-%08llu.safetensors", f->path,
                        (unsigned long long)step);
}

/* Of a name as above. */
static bool step_of(const char *name, uint64_t *step)
{
    char *end;
    if (strncmp(name, "step-", 5) != 0 || name[5] < '0' || name[5] > '9') return false;
    *step = strtoull(name + 5, &end, 10);
    return !strcmp(end, ".safetensors");
}

static int by_step(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The steps of all checkpoints there, the newest first. */
static size_t steps_there(TrainFolder *f, uint64_t **out)
{
    size_t n = 0, cap = 0;
    uint64_t *at = NULL;
    DIR *dir = dir_open(f->path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        uint64_t step;
        if (!step_of(e->d_name, &step)) continue;
        ARENA_ROOM(&f->arena, at, n, cap);
        at[n++] = step;
    }
    if (dir) dir_close(dir);
    if (n) qsort(at, n, sizeof *at, by_step);
    *out = at;
    return n;
}

/* What `last` or `best` names. */
static bool train_folder_named(TrainFolder *f, const char *file, uint64_t *step)
{
    Mapped text;
    const char *path = arena_printf(&f->arena, "%s/%s", f->path, file);
    if (!file_exists(path) || !file_read(f->diag, path, &text)) return false;
    const char *name = arena_strndup(&f->arena, (const char *)text.data,
                                     text.size ? strcspn((const char *)text.data, "\n")
                                               : 0);
    file_unmap(&text);
    return step_of(name, step);
}

static bool put_name(TrainFolder *f, const char *file, uint64_t step)
{
    const char *path = arena_printf(&f->arena, "%s/%s", f->path, file);
    const char *text = arena_printf(&f->arena, "%s\n",
                                    file_base(folder_checkpoint(f, step)));
    return file_write_all(f->diag, path, text, strlen(text));
}

/* A name is on disk after what it names, and before older checkpoints go: a machine that loses
 * power finds one. */
bool folder_save(TrainFolder *f, const TrainState *s, const TrainParam *p, int n,
                 uint64_t keep, bool best)
{
    uint64_t *step, kept;
    if (!checkpoint_write(f->diag, folder_checkpoint(f, s->step), s, p, n)
        || !file_sync_folder(f->diag, f->path) || !put_name(f, "last", s->step)
        || (best && !put_name(f, "best", s->step)) || !file_sync_folder(f->diag, f->path))
        return false;
    const bool any = train_folder_named(f, "best", &kept);
    const size_t there = steps_there(f, &step);
    size_t older = 0;
    for (size_t i = 0; i < there; i++) {
        if (step[i] > s->step) continue; /* of a run that began again before it */
        if (older++ < (keep ? keep : 1) || (any && step[i] == kept)) continue;
        unlink(folder_checkpoint(f, step[i]));
    }
    return true;
}

bool folder_has(TrainFolder *f, uint64_t *newest)
{
    uint64_t *step;
    if (!steps_there(f, &step)) return false;
    *newest = step[0];
    return true;
}

bool folder_begin(TrainFolder *f, bool anew)
{
    static const char *const names[] = { "last", "best" };
    uint64_t *step;
    const size_t n = steps_there(f, &step);
    if (n && !anew)
        return diag_error(
            f->diag, (Loc){ 0 },
            "%s has a run of %llu steps: --resume %s goes on with it, -o NAME begins "
            "another elsewhere, and --anew begins again here and removes it",
            f->path, (unsigned long long)step[0], f->path);
    for (size_t i = 0; n && i < COUNT(names); i++)
        unlink(arena_printf(&f->arena, "%s/%s", f->path, names[i]));
    for (size_t i = 0; i < n; i++) unlink(folder_checkpoint(f, step[i]));
    return true;
}

/* One that cannot be read is named in a warning, and the one before it counts. */
bool folder_newest(TrainFolder *f, uint64_t most, TrainCheckpoint *c)
{
    uint64_t *step, last;
    const bool any = train_folder_named(f, "last", &last);
    const size_t n = steps_there(f, &step);
    bool found = false;
    for (size_t i = 0; i < n && !found; i++) {
        if (step[i] > most) continue;
        if (any && step[i] > last)
            continue; /* its writer was stopped before it was the last */
        const char *path = folder_checkpoint(f, step[i]);
        Diag quiet = { .quiet = true };
        found = checkpoint_open(c, &quiet, path);
        const char *why = quiet.text.s ? strstr(quiet.text.s, ": ") : NULL;
        if (!found)
            diag_warn(f->diag, WARN_CHECKPOINT, (Loc){ 0 },
                      "%s cannot be used, so one before it is looked for: %.*s", path,
                      why ? (int)strcspn(why + 2, "\n") : 0, why ? why + 2 : "");
        diag_free(&quiet);
    }
    if (found) return true;
    if (n && step[n - 1] > most)
        return diag_error(
            f->diag, (Loc){ 0 },
            "--from-step %llu: the first checkpoint that is left in %s is of step %llu",
            (unsigned long long)most, f->path, (unsigned long long)step[n - 1]);
    return diag_error(
        f->diag, (Loc){ 0 },
        "there is no checkpoint in %s that a run could be resumed from; without --resume one begins anew",
        f->path);
}
